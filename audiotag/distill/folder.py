"""The folder of a teacher's outputs: a shard beside every record shard, and `teacher.json` that says whose they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import progress, storage
from audiotag.errors import AudiotagError
from audiotag.records import example, teachers, tfrecord
from audiotag.scorers.vocabulary import first_few

if TYPE_CHECKING:
    from audiotag.records import Data

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
Outputs = Callable[[Path], Iterable[np.ndarray | None]]
"""From a record shard to the logits (classes,) of each of its records, in order, NaN for a class that the teacher does
not know; None where there are none."""


@dataclass(frozen=True)
class Teacher:
    """What `teacher.json` says of a teacher.

    Args:
        name: of the teacher, which is the folder's.
        source: where the outputs come from, for people.
        sha256: of the teacher: the same name may not be used for another teacher.
        without: names of the classes that the teacher does not know.
        notes: what people should know about the teacher.

    Raises:
        AudiotagError: a name that no folder may have.
    """

    name: str
    source: str
    sha256: str
    without: Sequence[str] = ()
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise AudiotagError(
                f"a teacher's name is letters, digits and . _ + -, received {self.name!r}: give one with name='…'"
            )


def check_known(teacher: str, missing: Sequence[str], data: Data) -> None:
    """Refuse a teacher that lacks classes of a data set where classes compete: its softmax is over all of them."""
    if missing and data.task.exclusive:
        raise AudiotagError(
            f"a teacher of a multiclass data set must know all of its classes, {teacher} lacks {len(missing)} of the "
            f"{len(data.labels)} of {data.name} ({first_few(missing)}): say which class is which with --map map.csv "
            "(columns teacher,data)"
        )


def write(data: Data, teacher: Teacher, splits: list[str], outputs: Outputs, *, resume: bool = True) -> Path:
    """Write a teacher's shards, going on where an interrupted run stopped.

    Each shard appears whole and is then entered in `teacher.json`, so that a killed run loses one shard's work at
    most and the next one ends with the same bytes.

    Args:
        data: the data set.
        teacher: whose outputs they are.
        splits: which splits to write; others that are there already stay.
        outputs: computes a shard's logits.
        resume: keep finished shards (True), or compute all again.

    Returns:
        The folder.

    Raises:
        AudiotagError: the name is taken by another teacher, or the folder belongs to another build of the data set.
    """
    folder = data.teacher_folder(teacher.name)
    manifest = _earlier(folder, data, teacher)
    manifest |= {"classes_known": len(data.labels) - len(teacher.without), "classes_without": list(teacher.without)}
    manifest |= {"notes": list(teacher.notes)}
    shards = [shard for split in splits for shard in data.shards(split)]
    finished = {shard for shard in shards if resume and _is_whole(folder / shard.name, manifest)}
    done = sum(manifest["shards"][shard.name]["examples"] for shard in finished)
    total = sum(data.count(split) for split in splits)
    with progress.bar(f"Teaching {data.name} by {teacher.name}", total, "records", done=done) as advance:
        for shard in shards:
            if shard not in finished:
                manifest["shards"][shard.name] = _write_shard(folder / shard.name, data.keys(shard), outputs(shard))
                _save(folder, manifest, data)
                advance(manifest["shards"][shard.name]["examples"])
    _save(folder, manifest, data)
    return folder


def _earlier(folder: Path, data: Data, teacher: Teacher) -> dict[str, Any]:
    """What an earlier run of the same teacher has written; else a new manifest."""
    if not (folder / teachers.CARD).exists():
        return {
            "name": teacher.name,
            "fingerprint": data.fingerprint,
            "classes": len(data.labels),
            "source": teacher.source,
            "sha256": teacher.sha256,
            "shards": {},
        }
    earlier = teachers.read(folder)
    if earlier["fingerprint"] != data.fingerprint:
        raise AudiotagError(f"{folder} belongs to another build of {data.name}: delete it or choose another name")
    if earlier["sha256"] != teacher.sha256:
        raise AudiotagError(
            f"{folder} holds the outputs of {earlier['source']} ({earlier['sha256'][:12]}…), not of {teacher.source} "
            f"({teacher.sha256[:12]}…): choose another name, or delete the folder"
        )
    return earlier


def _is_whole(path: Path, manifest: dict[str, Any]) -> bool:
    entry = manifest["shards"].get(path.name)
    return entry is not None and path.exists() and storage.sha256(path) == entry["sha256"]


def _write_shard(path: Path, keys: list[tuple[str, int]], logits: Iterable[np.ndarray | None]) -> dict[str, Any]:
    rows = list(logits)
    records = (example.encode_teacher(*key, row) for key, row in zip(keys, rows, strict=True))
    written, known = tfrecord.write(path, records), sum(row is not None for row in rows)
    return {"examples": written.examples, "known": known, "sha256": written.sha256}


def _save(folder: Path, manifest: dict[str, Any], data: Data) -> None:
    """Write `teacher.json`, shards in the order of their names, with the coverage so far."""
    shards = manifest["shards"] = dict(sorted(manifest["shards"].items()))
    known = {
        split: sum(shards[shard.name]["known"] for shard in data.shards(split) if shard.name in shards)
        for split in data.splits
    }
    records = {split: data.count(split) for split in data.splits}
    manifest["coverage"] = sum(known.values()) / sum(records.values())
    manifest["coverage_by_split"] = {split: known[split] / records[split] for split in data.splits if records[split]}
    storage.write_json(folder / teachers.CARD, manifest)
