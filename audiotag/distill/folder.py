"""The folder of a teacher's outputs: a shard beside every record shard, and `teacher.json` that says whose they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import progress, storage
from audiotag.errors import AudiotagError
from audiotag.records import example, teachers, tfrecord
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.manifest import INCOMPLETE
from audiotag.records.plan import ShardPlan
from audiotag.records.step_grid import StepGrid
from audiotag.records.top_logits import shorten
from audiotag.scorers.vocabulary import first_few

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.task import Task

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
Outputs = Callable[[Path], Iterable[np.ndarray | None]]
"""From a record shard to the logits (classes,) of each of its records, in order, NaN for a class that the teacher does
not know; None where there are none. Where steps are stored too, (1 + steps, classes), those of the clip first."""
Elsewhere = Callable[[Journal, Sequence[ShardPlan], Callable[[int], None]], Iterator[FinishedShard]]
"""From a journal, shards to make and what counts the records done, to the shards as they are finished."""


@dataclass(frozen=True)
class Teacher:
    """What `teacher.json` says of a teacher.

    Args:
        name: of the teacher, which is the folder's.
        source: where the outputs come from, for people.
        sha256: of the teacher: the same name may not be used for another teacher.
        without: names of the classes that the teacher does not know.
        notes: what people should know about the teacher.
        top: how many of the largest logits of a record are stored, see `top_logits.shorten`. None: all.
        steps: where the steps lie whose logits are stored too. None: none are.

    Raises:
        AudiotagError: a name that no folder may have.
    """

    name: str
    source: str
    sha256: str
    without: Sequence[str] = ()
    notes: Sequence[str] = ()
    top: int | None = None
    steps: StepGrid | None = None

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


def write(
    data: Data,
    teacher: Teacher,
    splits: list[str],
    outputs: Outputs,
    *,
    resume: bool = True,
    elsewhere: Elsewhere | None = None,
) -> Path:
    """Write a teacher's shards, going on where an interrupted run stopped.

    Each shard appears whole and is then entered in `teacher.json`, so that a killed run loses one shard's work at
    most and the next one ends with the same bytes.

    Args:
        data: the data set.
        teacher: whose outputs they are.
        splits: which splits to write; others that are there already stay.
        outputs: computes a shard's logits.
        resume: keep finished shards (True), or compute all again.
        elsewhere: makes the shards by other processes instead. Default: this one does, by `outputs`.

    Returns:
        The folder.

    Raises:
        AudiotagError: the name is taken by another teacher or by outputs that are stored otherwise, the folder belongs
            to another build of the data set, or `top` is not less than the classes that the teacher knows.
    """
    _check_top(teacher, data)
    folder = data.teacher_folder(teacher.name)
    manifest = _earlier(folder, data, teacher)
    manifest |= {"classes_known": len(data.labels) - len(teacher.without), "classes_without": list(teacher.without)}
    manifest |= {"notes": list(teacher.notes)}
    identity = [data.fingerprint, teacher.sha256] + ([] if teacher.top is None else [teacher.top])
    identity += [] if teacher.steps is None else [teacher.steps.to_dict()]
    journal = Journal(folder / INCOMPLETE, storage.fingerprint(identity))
    if resume:  # what other processes had finished when a run was killed
        manifest["shards"] |= {name: _entry(made) for name, made in journal.load(folder).items()}
    shards = [shard for split in splits for shard in data.selected_shards(split)]
    waiting = [shard for shard in shards if not (resume and _is_whole(folder / shard.name, manifest))]
    total = sum(shard.examples for shard in shards)
    done = total - sum(shard.examples for shard in waiting)
    with progress.bar(f"Teaching {data.name} by {teacher.name}", total, "records", done=done) as advance:
        if elsewhere is None:
            for shard in waiting:
                keys, rows = data.keys(shard.name), outputs(Path(shard.name))
                written, known = write_shard(folder / shard.name, keys, rows, teacher.top, data.task)
                manifest["shards"][shard.name] = {
                    "examples": written.examples,
                    "known": known,
                    "sha256": written.sha256,
                }
                _save(folder, manifest, data)
                advance(shard.examples)
        else:
            _save(folder, manifest, data)  # before the journal forgets what it had
            journal.start({})
            plans = [ShardPlan(shard.name, shard.split, (), shard.examples) for shard in waiting]
            with closing(elsewhere(journal, plans, advance)) as shards_made:
                for made in shards_made:
                    manifest["shards"][made.shard.name] = _entry(made)
                    _save(folder, manifest, data)
    _save(folder, manifest, data)
    storage.delete_folder(journal.folder)
    return folder


def _entry(made: FinishedShard) -> dict[str, Any]:
    return {"examples": made.shard.examples, "known": made.shard.examples, "sha256": made.shard.sha256}


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
        } | _how_stored(teacher)
    earlier = teachers.read(folder)
    if earlier["fingerprint"] != data.fingerprint:
        raise AudiotagError(f"{folder} belongs to another build of {data.name}: delete it or choose another name")
    if earlier["sha256"] != teacher.sha256:
        raise AudiotagError(
            f"{folder} holds the outputs of {earlier['source']} ({earlier['sha256'][:12]}…), not of {teacher.source} "
            f"({teacher.sha256[:12]}…): choose another name, or delete the folder"
        )
    if earlier.get("top") != teacher.top:
        stored, wanted = (f"the {top} largest" if top else "all" for top in (earlier.get("top"), teacher.top))
        raise AudiotagError(
            f"{folder} holds {stored} of the logits of each record, asked for are {wanted} of them: choose another "
            "name, or delete the folder"
        )
    steps = earlier.get("steps")
    if steps != _how_stored(teacher).get("steps"):
        stored, wanted = ("with steps" if there else "without steps" for there in (steps, teacher.steps))
        raise AudiotagError(
            f"{folder} holds outputs {stored} ({steps}), asked for are outputs {wanted} ({teacher.steps}): choose "
            "another name, or delete the folder"
        )
    return earlier


def _how_stored(teacher: Teacher) -> dict[str, Any]:
    """What `teacher.json` says of the form of outputs."""
    stored = {} if teacher.top is None else {"top": teacher.top}
    return stored if teacher.steps is None else stored | {"steps": teacher.steps.to_dict()}


def _check_top(teacher: Teacher, data: Data) -> None:
    known = len(data.labels) - len(teacher.without)
    if teacher.top is not None and not 1 <= teacher.top < known:
        raise AudiotagError(
            f"top is from 1 to less than the {known} classes of {data.name} that {teacher.name} knows, received "
            f"{teacher.top}: leave it out to store all logits"
        )


def _is_whole(path: Path, manifest: dict[str, Any]) -> bool:
    entry = manifest["shards"].get(path.name)
    return entry is not None and path.exists() and storage.sha256(path) == entry["sha256"]


def write_shard(
    path: Path, keys: list[tuple[str, int]], logits: Iterable[np.ndarray | None], top: int | None, task: Task
) -> tuple[tfrecord.Written, int]:
    """Write a shard of outputs; gives also of how many of its records the teacher has any."""
    known = 0

    def records() -> Iterator[bytes]:
        nonlocal known
        for key, row in zip(keys, logits, strict=True):
            known += row is not None
            clip, steps = (row, None) if row is None or row.ndim == 1 else (row[0], row[1:])
            yield example.encode_teacher(*key, clip if clip is None or top is None else shorten(clip, top, task), steps)

    return tfrecord.write(path, records()), known


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
