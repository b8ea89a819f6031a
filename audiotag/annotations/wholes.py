"""Annotated recordings, whole: their splits and groups as far as they are stated, and why some cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from audiotag import progress
from audiotag.annotations.annotation import Annotation
from audiotag.annotations.collecting import Collected
from audiotag.clips import splits
from audiotag.clips.checks import named
from audiotag.clips.clip_tables import split_name
from audiotag.clips.declaration import ALL, UNKNOWN, Clip
from audiotag.errors import AudiotagError

SPLITS = ("split", "fold")
"""Columns of a table that state a recording's split."""

FOLDER = "folder"
"""Groups by this are the folders of recordings, not a column of a table."""


def wholes(
    root: Path, collected: Collected, group_by: str | None, unlabelled: bool, columns: Mapping[str, str]
) -> Iterator[Clip]:
    """Every recording as a clip without labels, in the order of their names, then those that are not there.

    Those that nobody has labelled are `UNKNOWN`, those that cannot be used have a fault. The split is "" where neither
    a table nor the folders around the recordings state one.

    Args:
        root: folder of the recordings.
        collected: their annotations, with the columns `SPLITS` and `group_by`.
        group_by: "folder" or a column of their table, which the clips then have. Default: none.
        unlabelled: recordings without annotations are unlabelled.
        columns: further ones that all clips have.
    """
    cells = {column for marks in collected.marks.values() for mark in marks for column in mark.cells}
    if group_by not in (None, FOLDER, *cells):
        raise AudiotagError(
            f"groups are {FOLDER!r} or a column of one table of all recordings, no annotation has a column {group_by!r}"
        )
    of_folder = _splits_of_folders(root, collected.recordings)
    stated = {name: _split(name, own) for name, own in collected.marks.items()}
    usual = splits.recognise(sorted(set(stated.values())))
    without, annotated = [], 0
    for name in collected.recordings:
        marks, fault = collected.marks.get(name), collected.faults.get(name, "")
        split = stated.get(name) or of_folder.get(_top(name), "")
        split = usual.get(split, split)
        own = {**columns, **_group(name, marks or (), group_by)}
        if split == splits.UNLABELLED or (unlabelled and marks is None and not fault):
            annotated += bool(marks)
            yield Clip(name, name, (), splits.UNLABELLED, columns={**own, UNKNOWN: ALL})
            continue
        if marks is None and not fault:
            without.append(name)
            fault = "no annotations belong to it"
        yield Clip(name, name, (), split, columns=own, fault=fault)
    if annotated:
        progress.say(f"{root}: annotations of the split unlabelled are not used: {annotated} recordings have some")
    if without:
        progress.say(f"{root}: rejected, no annotations belong to them ({len(without)}): {named(without)}")
    present = set(collected.recordings)
    for name, fault in collected.faults.items():
        if name not in present:
            own = {**columns, **({} if group_by is None else {group_by: ""})}
            yield Clip(name, re.split(r"[/\\]", name)[-1], (), "", columns=own, fault=fault)


def _top(name: str) -> str:
    return name.split("/")[0] if "/" in name else ""


def _splits_of_folders(root: Path, recordings: Sequence[str]) -> dict[str, str]:
    tops = sorted({_top(name) for name in recordings})
    split_of = splits.recognise(tops)
    stated = [top for top in tops if split_of.get(top, splits.UNLABELLED) != splits.UNLABELLED]
    others = [top for top in tops if top not in split_of]
    if stated and others:
        raise AudiotagError(
            f"the folder {stated[0]!r} of {root} is named like a split, {others[0] or root.name!r} is not: move all "
            f"recordings into folders of splits (train, validation, test), or rename {stated[0]!r}"
        )
    return split_of


def _split(name: str, marks: Sequence[Annotation]) -> str:
    for column in SPLITS:
        if any(column in mark.cells for mark in marks):
            return split_name(_only(name, marks, column), column, marks[0].place)
    return ""


def _group(name: str, marks: Sequence[Annotation], group_by: str | None) -> dict[str, str]:
    if group_by is None:
        return {}
    return {group_by: name.rpartition("/")[0] if group_by == FOLDER else _only(name, marks, group_by)}


def _only(name: str, marks: Sequence[Annotation], column: str) -> str:
    """The cell of all rows of a recording."""
    cells = list(dict.fromkeys(mark.cells[column] for mark in marks if column in mark.cells))
    if len(cells) > 1:
        place = next(mark.place for mark in marks if mark.cells.get(column) == cells[1])
        raise AudiotagError(
            f"{place}: a recording has one {column}, {name} has {cells[0]!r} and {cells[1]!r}: correct the rows"
        )
    return cells[0] if cells else ""
