"""Verifying a data set: every file, checksum and record, and the teachers beside it; problems say where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import progress, storage
from audiotag.clips.sources import SOURCES
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.records import teachers, tfrecord
from audiotag.records.data import Data
from audiotag.records.manifest import CLIPS, INCOMPLETE, LABELS, MANIFEST, RECORDS, TEACHERS

if TYPE_CHECKING:
    import tensorflow as tf

    Features = Mapping[str, tf.train.Feature]

Key = tuple[str, int]
Check = Callable[["Features", Key], str]
"""From a record's features and its key to what is wrong with it; "" where nothing is."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a data set.

    Args:
        shard: file, relative to the data set.
        offset: byte at which the record begins; None where the problem is not one record's.
        clip_id: clip that the record holds or should hold; "" where the problem is not one clip's.
        message: what is wrong.
    """

    shard: str
    offset: int | None
    clip_id: str
    message: str

    def __str__(self) -> str:
        place = self.shard + (f", byte {self.offset}" if self.offset is not None else "")
        return f"{place}{f', clip {self.clip_id}' if self.clip_id else ''}: {self.message}"


def verify(path: str | Path) -> list[Problem]:
    """Check a data set: tables, every shard's checksum, every record's contents and place, teachers, stray files.

    Args:
        path: folder of the data set.

    Returns:
        What is wrong; an empty list where all is well.

    Raises:
        AudiotagError: the folder is no data set, or its manifest or labels cannot be read at all.
    """
    data = Data(storage.place(path))
    problems = _tables(data)
    if any(problem.shard == CLIPS for problem in problems):
        return problems  # without the table of clips nothing can be said about the records
    taught = {name: _card(data, name, problems) for name in data.teachers}
    records = sum(shard.examples for shard in data.manifest.shards)
    records += sum(entry["examples"] for card in taught.values() for entry in card["shards"].values())
    with progress.bar(f"Verifying {data.path.name}", records, "records") as advance:
        for shard in data.manifest.shards:
            keys = data.keys(shard.name)
            check = _record_check(data, keys)
            problems += _shard(data, f"{RECORDS}/{shard.name}", shard.sha256, check, keys, advance)
        for name, card in taught.items():
            check = _teacher_check(data, card)
            for shard, entry in card["shards"].items():
                file = f"{TEACHERS}/{name}/{shard}"
                problems += _shard(data, file, entry["sha256"], check, data.keys(shard), advance)
    return problems + _strays(data, taught)


def _tables(data: Data) -> list[Problem]:
    problems = []
    for name, expected in data.manifest.files.items():
        if not storage.is_file(data.path / name):
            problems.append(Problem(name, None, "", "the file is missing"))
        elif storage.sha256(data.path / name) != expected:
            problems.append(Problem(name, None, "", "the file does not have its checksum: it was damaged or edited"))
    return problems


def _card(data: Data, name: str, problems: list[Problem]) -> dict[str, Any]:
    """The teacher's card, with those shards that the data set has."""
    try:
        card = teachers.card(data, name)
    except AudiotagError as error:
        problems.append(Problem(f"{TEACHERS}/{name}/{teachers.CARD}", None, "", str(error)))
        return {"shards": {}}
    examples = {shard.name: shard.examples for shard in data.manifest.shards}
    for shard, entry in card["shards"].items():
        if entry["examples"] != examples.get(shard):
            message = f"{entry['examples']} outputs for {examples.get(shard, 'no')} records"
            problems.append(Problem(f"{TEACHERS}/{name}/{shard}", None, "", message))
    return card | {"shards": {shard: entry for shard, entry in card["shards"].items() if shard in examples}}


def _shard(
    data: Data,
    file: str,
    checksum: str,
    check: Check,
    keys: Sequence[Key],
    advance: Callable[[int], None],
) -> Iterator[Problem]:
    """Problems of one file of records."""
    path = data.path / file
    if not storage.is_file(path):
        yield Problem(file, None, "", "the shard is missing")
        return
    with storage.downloaded(path) as local:
        yield from _records(local, file, checksum, check, keys, advance)


def _records(
    path: Path, file: str, checksum: str, check: Check, keys: Sequence[Key], advance: Callable[[int], None]
) -> Iterator[Problem]:
    """Problems of the records of a file that is there."""
    whole = storage.sha256(path) == checksum
    if not whole:
        yield Problem(file, None, "", "the shard does not have its checksum")
    count = 0
    for record in tfrecord.walk(path, check=not whole):
        key = keys[count] if count < len(keys) else ("", 0)
        message = record.damage or _wrong(record.data, key, check)
        if count >= len(keys):
            message = f"the shard has more than its {len(keys)} records"
        if message:
            yield Problem(file, record.offset, key[0], message)
        count += 1
        advance(1)
    if count < len(keys):
        first = keys[count][0]
        yield Problem(file, path.stat().st_size, first, f"the shard ends after {count} of {len(keys)} records")


def _wrong(record: bytes, key: Key, check: Check) -> str:
    """What is wrong with a record; "" where nothing is."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        feature = tf.train.Example.FromString(record).features.feature
        stored = feature["clip_id"].bytes_list.value[0].decode(), feature["variant"].int64_list.value[0]
        if stored != key:
            return f"the record is {stored[0]!r} variant {stored[1]}, not {key[0]!r} variant {key[1]}"
        return check(feature, key)
    except (DecodeError, IndexError, UnicodeDecodeError) as error:
        return f"the record is not an example of audiotag ({error})"


def _record_check(data: Data, keys: Sequence[Key]) -> Check:
    rows = data.clips[data.clips["clip_id"].isin({clip_id for clip_id, _ in keys})]
    labels = {
        clip_id: sorted(data.labels.index(name) for name in split_cell(cell))
        for clip_id, cell in zip(rows["clip_id"], rows["labels"], strict=True)
    }

    def check(feature: Features, key: Key) -> str:
        shape, dtype = (data.frames, data.front_end.mels), data.stored.dtype
        size, expected = len(_bytes(feature, "log_mel")), np.dtype(dtype).itemsize * shape[0] * shape[1] if dtype else 0
        if feature["frames"].int64_list.value[0] != data.frames or size != expected:
            return f"the log-mel has {size} bytes, {shape} values of {data.stored.kind} have {expected}"
        values = np.frombuffer(_bytes(feature, "log_mel"), dtype or "u1")
        if not np.isfinite(values).all():
            return "the log-mel holds NaN or infinite values"
        if list(feature["labels"].int64_list.value) != labels[key[0]]:
            return f"the labels {list(feature['labels'].int64_list.value)} are not those of {CLIPS}, {labels[key[0]]}"
        return _wrong_waveform(feature, data)

    return check


def _bytes(feature: Features, name: str) -> bytes:
    return feature[name].bytes_list.value[0] if name in feature else b""


def _wrong_waveform(feature: Features, data: Data) -> str:
    if ("waveform" in feature) != data.waveforms:
        return f"the record has {'no' if data.waveforms else 'a'} waveform, unlike what {MANIFEST} says"
    if not data.waveforms:
        return ""
    size, peak = len(feature["waveform"].bytes_list.value[0]), feature["waveform_peak"].float_list.value[0]
    if size != 2 * data.samples:
        return f"the waveform has {size} bytes, {data.samples} samples need 2 each"
    return "" if np.isfinite(peak) and peak >= 0 else f"the waveform's peak is {peak}"


def _teacher_check(data: Data, card: Mapping[str, Any]) -> Check:
    known = np.array([name not in card.get("classes_without", ()) for name in data.labels])
    top = card.get("top")
    steps = card["steps"]["count"] if "steps" in card else 0

    def check_steps(feature: Features, filled: bool) -> str:
        stored, wanted = _bytes(feature, "step_logits"), 2 * steps * len(data.labels) * filled
        if len(stored) != wanted:
            return f"the teacher's outputs of steps have {len(stored)} bytes, its card counts {wanted}"
        logits = np.frombuffer(stored, "<f2").reshape(-1, len(data.labels))
        if not np.isfinite(logits[:, known]).all():
            return "the teacher's outputs of steps hold NaN or infinite values"
        if not np.isnan(logits[:, ~known]).all():
            return "the teacher has outputs of steps for a class that its card does not count as known"
        return ""

    def check(feature: Features, key: Key) -> str:
        stored = _bytes(feature, "logits")
        if len(stored) not in (0, 4 * len(data.labels)):
            return f"the teacher's outputs have {len(stored)} bytes, {len(data.labels)} classes need 4 each"
        logits = np.frombuffer(stored, "<f4")
        if len(logits) and not np.isfinite(logits[known]).all():
            return "the teacher's outputs hold NaN or infinite values"
        if len(logits) and not np.isnan(logits[~known]).all():
            return "the teacher has outputs for a class that its card does not count as known"
        return check_steps(feature, bool(stored))

    def check_top(feature: Features, key: Key) -> str:
        if not (stored := _bytes(feature, "top_logits")):
            return check_steps(feature, False)
        classes, rest = list(feature["top_classes"].int64_list.value), feature["rest"].float_list.value[0]
        if len(stored) != 2 * top or len(classes) != top:
            return (
                f"the teacher's outputs have {len(stored)} bytes and {len(classes)} classes, the {top} largest 2 each"
            )
        if not np.isfinite([*np.frombuffer(stored, "<f2"), rest]).all():
            return "the teacher's outputs hold NaN or infinite values"
        if not {*classes} <= {*np.flatnonzero(known)} or len({*classes}) < top:
            return "the teacher has outputs for a class twice, or for one that its card does not count as known"
        return check_steps(feature, True)

    return check if top is None else check_top


def _strays(data: Data, taught: dict[str, Any]) -> list[Problem]:
    """Files that nothing lists."""
    known = {MANIFEST, LABELS, CLIPS, SOURCES} | {f"{RECORDS}/{shard.name}" for shard in data.manifest.shards}
    for name, card in taught.items():
        known |= {f"{TEACHERS}/{name}/{file}" for file in (teachers.CARD, *card["shards"])}
    relative = (path.relative_to(data.path) for path in sorted(data.path.rglob("*")) if path.is_file())
    files = (path.as_posix() for path in relative if INCOMPLETE not in path.parts)  # teaching has been interrupted
    return [Problem(file, None, "", "the file does not belong to the data set") for file in files if file not in known]
