"""Tables of a user's own clips: path, labels, part, split, strong labels, and every way in which people write them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from audiotag import progress, tables
from audiotag.clips import published, splits
from audiotag.clips.declaration import ALL, UNKNOWN, Clip, Event
from audiotag.clips.recordings import Recordings
from audiotag.errors import AudiotagError
from audiotag.labels import join_cell, split_cell

COLUMNS = {
    "path": "path",
    "filename": "path",
    "source": "path",
    "label": "labels",
    "labels": "labels",
    "clip_id": "clip_id",
    "start": "start",
    "end": "end",
    "split": "split",
    "fold": "split",
}
NO_SLIPS = ("score",)
"""Further columns that are often there, however near their names are to those with a meaning."""

# Columns of strong labels, where a table has both.
EVENT = ("onset", "offset")
_COMMA = re.compile(r"^(\d+),(\d+)$")  # as a spreadsheet writes 0,5 in half of Europe
YES, NO = {"1", "1.0", "true", "yes", "x"}, {"0", "0.0", "false", "no", ""}


def read(root: Path, table: Path, group_by: str | None = None) -> list[Clip]:
    """The clips of a table's rows; the split of each is "" where the table states none, the length is not looked at.

    Args:
        root: folder of the recordings.
        table: CSV or Parquet.
        group_by: a further column that it must have.

    Raises:
        AudiotagError: what the table says cannot be meant; the message names the row.
    """
    rows = tables.read(table).map(as_text)
    filled = [row for row, cells in enumerate(rows.to_numpy().tolist()) if any(map(str.strip, cells))]
    rows = rows.iloc[filled]  # a spreadsheet has empty ones
    one_hot, never = _one_hot({column: rows[column].tolist() for column in rows})
    header = _header(list(rows.columns), table, one_hot)
    if group_by is not None and (group_by in COLUMNS or group_by not in rows):
        raise AudiotagError(f"{table} has no further column {group_by!r} to group by: it has {', '.join(rows.columns)}")
    if one_hot:
        progress.say(f"{table}: the columns {', '.join(one_hot)} are taken for classes, 1 where they sound")
    if never:
        progress.say(f"{table}: no class, since they hold no 1: the columns {', '.join(never)}")
    find = Recordings(root)
    clips = []
    for position, row in enumerate(rows.to_dict("records")):
        where = f"{table} {tables.place(rows, position)}"
        clips.append((where, _clip_of_row(row, header, one_hot, find, where)))
    if not any(clip.labels for _, clip in clips):
        column = header.get("labels", ", ".join(one_hot))
        raise AudiotagError(f"{table} names no label in any row: fill the column {column}")
    split_of = splits.recognise(sorted({clip.split for _, clip in clips}))
    named = [(where, _in_split(clip, split_of.get(clip.split, clip.split), where)) for where, clip in clips]
    return _merge(named, table)


def _in_split(clip: Clip, split: str, where: str) -> Clip:
    if split != splits.UNLABELLED:
        return replace(clip, split=split)
    if clip.labels:
        raise AudiotagError(
            f"{where}: a clip of the split {clip.split} has no label, received {join_cell(clip.labels)!r}: empty the "
            "cell, or choose another split"
        )
    return replace(clip, split=split, columns={**clip.columns, UNKNOWN: ALL})


def _header(columns: list[str], table: Path, one_hot: Sequence[str]) -> dict[str, str]:
    """The table's name of each column that has a meaning: {"path": "filename", …}.

    A further column is left as it is, unless its name nearly is one with a meaning: a slip of the pen.
    """
    if dataset := published.by_columns(columns):
        title = published.PUBLISHED[dataset].title
        raise AudiotagError(f"{table} is {title}'s table: audiotag build {dataset} --source DIR")
    for column in columns:
        folded = column.strip().casefold()
        near = get_close_matches(folded, COLUMNS, n=1, cutoff=0.75)
        if near and column not in (*COLUMNS, *one_hot) and folded not in NO_SLIPS:
            raise AudiotagError(
                f"{table} has the column {column!r}, did you mean {near[0]!r}? Rename or remove it (known: "
                f"{', '.join(COLUMNS)}; a column of any other name is kept)"
            )
    meanings = Counter(COLUMNS.get(column, column) for column in columns)
    twice = [column for column in columns if meanings[COLUMNS.get(column, column)] > 1]
    if twice:
        raise AudiotagError(f"{table} has columns that mean the same: {', '.join(twice)}: keep one")
    for needed, names in (("path", "path, filename or source"), ("labels", "label or labels")):
        if needed not in meanings and not (needed == "labels" and one_hot):
            raise AudiotagError(f"{table} has no column {names}, received {', '.join(columns) or 'no header'}")
    known = {COLUMNS[column]: column for column in columns if column in COLUMNS}
    return known | {column: column for column in EVENT if {*EVENT} <= set(columns)}


def _one_hot(columns: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """Where there is no column of labels: the two or more that hold 0 and 1 alone, with a 1 (classes) and without."""
    folded = {name: {cell.strip().casefold() for cell in cells} for name, cells in columns.items()}
    binary = [
        name
        for name, cells in folded.items()
        if name not in (*COLUMNS, *EVENT, "recording") and cells <= YES | NO and cells != {""}
    ]
    classes = [name for name in binary if folded[name] & YES]
    if {"label", "labels"} & set(columns) or len(binary) < 2 or not classes:
        return [], []
    return classes, [name for name in binary if name not in classes]


def seconds(cell: str, name: str, where: str) -> float | None:
    """The seconds of a cell, 0,5 too; None: it is empty.

    Raises:
        AudiotagError: it holds anything else; the message begins with `where` and the column's name.
    """
    if not cell:
        return None
    try:
        value = float(_COMMA.sub(r"\1.\2", cell) if "," in cell else cell)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise AudiotagError(f"{where}: {name} must be seconds from the recording's beginning, received {cell!r}")
    return value


def split_name(cell: str, column: str, where: str) -> str:
    """The split that a cell states, of a fold its number too.

    Args:
        cell: as somebody wrote it.
        column: "split" or "fold".
        where: the row, for the message.

    Raises:
        AudiotagError: it is empty, or no name of a split.
    """
    number = re.fullmatch(r"([0-9]+)(\.0)?", cell)  # a spreadsheet's fold may be 1.0
    split = f"fold{number[1]}" if number and column == "fold" else cell
    split = f"fold{split}" if column == "fold" and not splits.recognise([split]) else split
    if not cell or (not re.fullmatch(r"[A-Za-z0-9_-]+", split) and not splits.recognise([split])):
        example = "1" if column == "fold" else "train"
        raise AudiotagError(
            f"{where}: {column} must be letters, digits, _ or -, for example {example}, received {cell!r}"
        )
    return split


def _clip_of_row(row: dict[str, str], header: dict[str, str], one_hot: list[str], find: Recordings, where: str) -> Clip:
    cells = {meaning: row[column].strip() for meaning, column in header.items()}
    if not cells["path"]:
        raise AudiotagError(f"{where}: the cell {header['path']} is empty: name the recording")
    source = find.find(cells["path"])
    start, end = (seconds(cells.get(name, ""), name, where) for name in ("start", "end"))
    start = start or 0.0
    if end is not None and end <= start:
        raise AudiotagError(f"{where}: end must come after start, received {start:g} to {end:g} s")
    split = split_name(cells["split"], header["split"], where) if "split" in header else ""
    clip_id = cells.get("clip_id") or (f"{source}#{start:.3f}" if start or end is not None else source)
    columns = {column: cell.strip() for column, cell in row.items() if column not in (*header.values(), *one_hot)}
    labels = tuple(name.strip() for name in one_hot if row[name].strip().casefold() in YES)
    labels = labels or split_cell(cells.get("labels", ""))
    return Clip(clip_id, source, labels, split, start, end, _events(cells, labels, start, end, where), columns)


def _events(
    cells: dict[str, str], labels: Sequence[str], start: float, end: float | None, where: str
) -> tuple[Event, ...]:
    """The row's strong labels, from the clip's start on; none where it has no onset and no offset."""
    onset, offset = (seconds(cells.get(name, ""), name, where) for name in EVENT)
    if onset is None and offset is None:
        return ()
    last = math.inf if end is None else end
    if onset is None or offset is None or not labels or not onset < offset or offset <= start or onset >= last:
        raise AudiotagError(
            f"{where}: an event has a label, begins before it ends, and sounds in its clip, all in seconds from the "
            f"recording's beginning, received onset {cells['onset']!r}, offset {cells['offset']!r}, label "
            f"{cells.get('labels', '')!r}: correct the row"
        )
    span = (max(onset, start) - start, min(offset, last) - start)
    return tuple(Event(*span, label) for label in labels)


def as_text(cell: object) -> str:
    """A cell of Parquet as one of CSV."""
    if isinstance(cell, list):
        return join_cell(map(str, cell))
    return "" if cell is None or cell != cell else str(cell)


def _merge(clips: list[tuple[str, Clip]], table: Path) -> list[Clip]:
    """One clip of the rows that name the same clip with a label each; a row that repeats another is left as it is."""
    rows_of: dict[object, list[tuple[str, Clip]]] = {}
    for where, clip in clips:
        rows_of.setdefault((clip.clip_id, clip.source, clip.start, clip.end), []).append((where, clip))
    merged, repeated = [], []
    for (place, first), *others in rows_of.values():
        own = [first]
        for where, clip in others:
            if clip.split != first.split:
                raise AudiotagError(
                    f"{where}: a clip is in one split, {clip.clip_id} is in {first.split} ({place}) and in {clip.split}"
                    ": keep one"
                )
            (repeated if clip in own else own).append(clip)
        labels = tuple(dict.fromkeys(label for clip in own for label in clip.labels))
        events = tuple(dict.fromkeys(event for clip in own for event in clip.events))
        cells = {column: list(dict.fromkeys(clip.columns[column] for clip in own)) for column in first.columns}
        columns = {column: each[0] if len(each) == 1 else join_cell(each) for column, each in cells.items()}
        merged.append(replace(first, labels=labels, events=events, columns=columns))
    if rows := len(clips) - len(repeated) - len(merged):
        progress.say(f"{table}: rows that name the clip of an earlier row ({rows}): their labels are merged")
    return [*merged, *repeated]
