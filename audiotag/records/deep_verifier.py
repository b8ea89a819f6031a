"""Verifying a data set against its recordings: they are read again, and some records are computed again."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import __version__, augment, progress, storage, tables
from audiotag.augment import Policy
from audiotag.clips import sources
from audiotag.clips.declaration import Clip, Declaration, read_clip
from audiotag.clips.sources import SOURCES, Source
from audiotag.errors import AudiotagError, AudioWarning
from audiotag.records import tfrecord, worker
from audiotag.records.clips import clip_of
from audiotag.records.data import Data
from audiotag.records.example import FULL_SCALE
from audiotag.records.manifest import CLIPS, MANIFEST, RECORDS
from audiotag.records.plan import Job, describe, difference
from audiotag.records.verifier import Problem

if TYPE_CHECKING:
    import tensorflow as tf

_DECLARED = ("name", "version", "task", "seconds", "pad", "speed", "labels", "clips")
_EVENTS = ("event_onset", "event_offset", "event_class", "event_velocity")


def verify_deep(
    path: str | Path, *, sample: int = 100, source: Declaration | str | Path | None = None
) -> list[Problem]:
    """Compare a data set with the recordings that it was built from.

    Every recording that `sources.csv` lists is read again. Of a sample of clips, the same ones every time and spread
    over all shards, the records are computed again by the functions of the build, and their bytes compared; clips
    whose recordings have changed are not among them. Lines on standard error say what cannot be compared. Damaged
    shards are left to `verify`.

    Args:
        path: folder of the data set.
        sample: clips whose records, of all variants, are computed again; 0: none. Default 100.
        source: folder of the recordings; or the declaration that the data set was built from, whose sounds may be no
            files, and which knows the strong labels. Default: where the build found the recordings.

    Returns:
        What is wrong; an empty list where all is well.

    Raises:
        AudiotagError: the folder is no data set, the recordings are nowhere, or the declaration is of other clips.
    """
    if sample < 0:
        raise AudiotagError(f"sample is a number of clips, 0 for none, received {sample}")
    data, declaration = Data(storage.place(path)), source if isinstance(source, Declaration) else None
    before = sources.read(data.path)
    job = _job(data, declaration, _root(data, source), sample)
    if declaration is not None:
        _check_same(data, declaration, job)
    changed = _changed(job.root, before)
    problems = [Problem(SOURCES, None, "", f"{name}: {message}") for name, message in changed.items()]
    if not sample:
        return problems
    own = tables.read(data.path / CLIPS, encoding=tables.OWN).to_dict("records")
    rows = {row["clip_id"]: row for row in own if row["status"] == "ok" and row["source"] not in changed}
    drawn = _draw(data, rows, sample)
    chosen = [clip_id for clip_ids in drawn.values() for clip_id in clip_ids]
    clips = {clip_id: clip_of(rows[clip_id]) for clip_id in chosen}
    if declaration is not None:
        clips = {clip.clip_id: clip for clip in declaration.clips if clip.clip_id in clips}
    views = (1 + job.variants) * sum(map(len, drawn.values()))
    with progress.bar(f"Computing records of {data.path.name} again", views, "records") as advance:
        for shard, clip_ids in drawn.items():
            stored = _stored(data, shard, set(clip_ids))
            for clip_id in clip_ids:
                own, ignored = stored[clip_id], () if declaration else _EVENTS
                wrong = _differences(data, job, clips[clip_id], own, ignored)
                problems += [Problem(f"{RECORDS}/{shard}", offset, clip_id, message) for offset, message in wrong]
                advance(1 + job.variants)
    return problems


def _root(data: Data, source: Declaration | str | Path | None) -> Path:
    """Where the recordings lie."""
    if isinstance(source, Declaration):
        return Path(source.root).absolute()
    if not data.manifest.recordings:
        raise AudiotagError(
            f"the sounds of {data.name} are read by its data set's own file: name that with --dataset, and with the "
            "options of the build"
        )
    root = data.recordings if source is None else storage.place(source).absolute()
    if root is None or not root.is_dir():
        there = data.path.resolve() / data.manifest.recordings if root is None else root
        raise AudiotagError(f"the recordings of {data.name} are not in {there}: say with --source where they lie")
    return root


def _job(data: Data, declaration: Declaration | None, root: Path, sample: int) -> Job:
    """What the build did, as far as it can be done again."""
    description = data.manifest.description
    policy, variants = _policy(description["augmentation"]), data.variants
    if policy is None:
        policy, variants = augment.policy("none"), 0
        if sample:
            progress.say(
                f"the policy {description['augmentation']['name']!r} cannot be made again from its description (a file "
                "of its own, sounds of a folder, or other transforms today): only the untouched views are computed "
                "again"
            )
    read = read_clip if declaration is None else declaration.read
    waveforms, stored = data.waveforms, data.stored
    seed = description["seed"]
    return Job(data.path / RECORDS, root, read, data.clip_format, policy, variants, seed, waveforms, stored)


def _policy(stated: Mapping[str, object]) -> Policy | None:
    """The policy that a description is of; None: it cannot be made of the description alone."""
    try:
        policy = augment.policy(str(stated["name"]))
    except AudiotagError:
        return None
    version = {"audiomentations": stated["audiomentations"]}
    return policy if policy.to_dict() | version == stated else None


def _check_same(data: Data, declaration: Declaration, job: Job) -> None:
    """Refuse the declaration of other clips than the data set's."""
    stated, declared = (
        {key: description[key] for key in _DECLARED if key in description}
        for description in (data.manifest.description, describe(declaration, job))
    )
    if stated != declared:
        raise AudiotagError(
            f"the declaration is not the one that {data.path} was built from; they differ in "
            f"{difference(stated, declared)} (there / declared): give the options of the build"
        )


def _changed(root: Path, before: Mapping[str, Source]) -> dict[str, str]:
    """What has happened to recordings since the build, by name; those that are as they were are left out."""

    def look(name: str) -> str:
        then, now, path = before[name], sources.look(root, name), sources.path_of(root, name)
        if path is None:
            return f"the name leads out of {root}, and is not followed: restore {SOURCES}, or build again"
        if now is None:
            return "the recording has gone: put it back, or say with --source where the recordings lie now"
        try:
            checksum = storage.sha256(path)
        except OSError as error:
            checksum, reason = "", error.strerror
        if checksum == then.sha256:
            return ""
        if not checksum:
            return f"the recording cannot be read ({reason}): give it back its permissions, or restore it"
        if not then.sha256:
            return "the recording could not be read at the build, and can be now: build again to take it up"
        day = datetime.fromtimestamp(now.modified / 1e9, UTC).date()
        return (
            f"the recording has changed since the build ({then.bytes} bytes then, {now.bytes} now, of {day}): build "
            "again to take it up, or put the former one back"
        )

    if not before and root.is_dir():
        progress.say(f"there is no {SOURCES}, which says what the recordings were: they are not compared")
    messages = sources.in_threads("Reading the recordings again", list(before), look)
    changed = {name: message for name, message in messages.items() if message}
    paths = [path for name in before if (path := sources.path_of(root, name)) is not None]
    if paths and not any(path.exists() for path in paths):
        raise AudiotagError(f"none of the {len(paths)} recordings is in {root}: say with --source where they lie")
    return changed


def _draw(data: Data, clips: Collection[str], sample: int) -> dict[str, list[str]]:
    """Clips to compute again by their shard, evenly through the records, whose order is that of a hash."""
    places = [
        (shard.name, clip_id)
        for shard in data.manifest.shards
        for clip_id in dict.fromkeys(clip_id for clip_id, _ in data.keys(shard.name))
        if clip_id in clips
    ]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(sample, len(places))).round().astype(int))
    drawn: dict[str, list[str]] = {}
    for place in chosen.tolist():
        shard, clip_id = places[place]
        drawn.setdefault(shard, []).append(clip_id)
    return drawn


def _stored(data: Data, shard: str, clip_ids: Collection[str]) -> dict[str, dict[int, tfrecord.Record]]:
    """The records of clips by clip and variant; those that are damaged or missing are left out."""
    records_of: dict[str, dict[int, tfrecord.Record]] = {clip_id: {} for clip_id in clip_ids}
    path = data.path / RECORDS / shard
    if storage.is_file(path):
        with storage.downloaded(path) as local:
            for (clip_id, variant), record in zip(data.keys(shard), tfrecord.walk(local), strict=False):
                if clip_id in records_of and not record.damage:
                    records_of[clip_id][variant] = record
    return records_of


def _differences(
    data: Data, job: Job, clip: Clip, stored: Mapping[int, tfrecord.Record], ignored: Sequence[str]
) -> Iterator[tuple[int | None, str]]:
    """Offset and message of each record of a clip that is not what is computed today."""
    from threadpoolctl import threadpool_limits

    made = worker.examples(job, clip)
    for variant in range(1 + job.variants):
        record = stored.get(variant)
        try:
            with threadpool_limits(1), warnings.catch_warnings():
                warnings.simplefilter("ignore", AudioWarning)  # the build has said it
                computed = next(made)
        except AudiotagError as error:
            yield record and record.offset, f"its recording gives no record any more: {error}"
            return
        if record and record.data != computed and (parts := _compare(record.data, computed, data, ignored)):
            message = f"variant {variant} is not what its recording gives now: {', '.join(parts)}{_versions(data)}"
            yield record.offset, message


def _compare(stored: bytes, computed: bytes, data: Data, ignored: Sequence[str]) -> list[str]:
    """What differs between two examples, and by how much at most."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        both = [tf.train.Example.FromString(example).features.feature for example in (stored, computed)]
    except DecodeError:
        return []  # `verify` names it
    names = sorted({name for features in both for name in features} - set(ignored) - {"waveform_peak"})
    parts = []
    for name in names:
        if name == "waveform" or both[0][name] != both[1][name]:
            values = [_values(features, name, data) for features in both]
            if values[0] is None or values[1] is None or values[0].shape != values[1].shape:
                parts.append(name.replace("_", " "))
            elif largest := float(np.abs(values[0] - values[1]).max(initial=0.0)):
                parts.append(f"{name.replace('_', '-')} by up to {largest:.3g}")
    return parts


def _values(features: Mapping[str, tf.train.Feature], name: str, data: Data) -> np.ndarray | None:
    """Numbers of a feature of an example: log-mel, full scale of waveforms; None: it is no such feature."""
    content = features[name].bytes_list.value[0] if features[name].bytes_list.value else b""
    if name == "log_mel" and data.stored.dtype and len(content) % np.dtype(data.stored.dtype).itemsize == 0:
        return np.asarray(data.stored.decode(np.frombuffer(content, data.stored.dtype).astype(np.float32)))
    if name == "waveform" and len(content) % 2 == 0 and features["waveform_peak"].float_list.value:
        return np.frombuffer(content, "<i2") / FULL_SCALE * features["waveform_peak"].float_list.value[0]
    return None


def _versions(data: Data) -> str:
    """The libraries that are of another version today than when the data set was made."""
    made_with = storage.read_json(data.path / MANIFEST).get("made_with", {})
    today = {name: __version__ if name == "audiotag" else _version(name) for name in made_with}
    other = [f"{name} {then}, here {today[name]}" for name, then in made_with.items() if then != today[name]]
    return f"; made with {'; '.join(other)}" if other else ""


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
