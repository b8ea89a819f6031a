"""Your own recordings: a folder a class, or a table of clips; long recordings are cut into consecutive clips."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from audiotag import audio, progress, storage, tables
from audiotag.errors import AudioError, AudiotagError
from audiotag.labels import Labels, join_cell, split_cell
from audiotag.records import Clip, Declaration, sources, splits
from audiotag.records.declaration import is_beyond, reading_of
from audiotag.records.recordings import Recordings

LICENCE = "not stated: the licence of your recordings"
CITATION = "your own recordings"
# Folders that hold recordings of all classes.
CONTAINERS = {
    *("audio", "audios", "audio files", "sound", "sounds", "sound files", "recording", "recordings", "recs", "clips"),
    *("wav", "wavs", "flac", "mp3", "mp3s", "ogg", "data", "files", "samples", "segments", "dataset", "raw"),
}
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
# Published tables: the data set that reads each, where it lies, and columns by which it is known.
PUBLISHED = {
    "esc50": ("ESC-50", "meta/esc50.csv", {"filename", "fold", "target", "category"}),
    "urbansound8k": ("UrbanSound8K", "metadata/UrbanSound8K.csv", {"slice_file_name", "fsID", "fold", "classID"}),
}
YES, NO = {"1", "1.0", "true", "yes", "x"}, {"0", "0.0", "false", "no", ""}


@dataclass(frozen=True)
class Part:
    """A recording or a part of it: fields as in `Clip`; `split` is "" where still to be drawn."""

    clip_id: str
    source: str
    labels: tuple[str, ...]
    split: str = ""
    start: float = 0.0
    end: float | None = None
    columns: dict[str, str] = field(default_factory=dict)
    readable: bool = True

    @property
    def recording(self) -> str:
        """What the part was cut from: clips of one recording stay in one split."""
        return self.columns.get("recording") or self.source


def _parts_of_folders(root: Path, names_are_classes: bool) -> list[Part]:
    files = Recordings(root).names
    if not files:
        raise AudiotagError(f"{root} holds no sound files ({' '.join(audio.SUFFIXES)}): put a folder a class into it")
    for dataset, (title, table, _) in PUBLISHED.items():
        if (root / table).is_file():
            raise AudiotagError(f"{root} is {title}, it holds {table}: audiotag build {dataset} --source {root}")
    tops = {file.split("/")[0] for file in files if "/" in file}
    split_of = {} if names_are_classes else splits.recognise(sorted(tops))
    if others := sorted(tops - set(split_of)):
        for name in split_of:
            raise AudiotagError(
                f"the folder {name!r} of {root} is named like a split, {others[0]!r} is not: move every class folder "
                f"into split folders (train, validation, test), or rename {name!r}; --allow-class-names makes it one"
            )
    depth = 1 if split_of else 0
    loose = [file for file in files if file.count("/") <= depth]
    if loose:
        raise AudiotagError(
            f"recordings lie in a folder a class, {len(loose)} of {root} do not, {loose[0]!r} for one: "
            "move them into class folders, or list them in a table with columns path,labels"
        )
    classes = sorted({file.split("/")[depth] for file in files})
    # A class that is called "train" is one inside the folders of splits.
    odd = [
        name
        for name in classes
        if name.replace("_", " ").casefold() in CONTAINERS
        or any(depth == 0 or split.startswith("fold") for split in splits.recognise([name]).values())
    ]
    if odd and not names_are_classes:
        raise AudiotagError(
            f"a folder is named as its class, {odd[0]!r} of {root} is no name of a sound: put a folder a class in its "
            "place, or list the recordings in a table (audiotag build folder --source DIR --table clips.csv); "
            "--allow-class-names makes it a class"
        )
    return [Part(file, file, (file.split("/")[depth],), split_of.get(file.split("/")[0], "")) for file in files]


def _header(columns: list[str], table: Path, one_hot: Sequence[str]) -> dict[str, str]:
    """The table's name of each column that has a meaning: {"path": "filename", …}.

    A further column is left as it is, unless its name nearly is one with a meaning: a slip of the pen.
    """
    for dataset, (title, _, known) in PUBLISHED.items():
        if known <= set(columns):
            raise AudiotagError(f"{table} is {title}'s table: audiotag build {dataset} --source DIR")
    for column in columns:
        folded = column.strip().casefold()
        near = get_close_matches(folded, COLUMNS, n=1, cutoff=0.75)
        if column not in COLUMNS and column not in one_hot and near:
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
    return {COLUMNS[column]: column for column in columns if column in COLUMNS}


def _one_hot(columns: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """Where there is no column of labels: the two or more that hold 0 and 1 alone, with a 1 (classes) and without."""
    folded = {name: {cell.strip().casefold() for cell in cells} for name, cells in columns.items()}
    binary = [
        name
        for name, cells in folded.items()
        if name not in (*COLUMNS, "recording") and cells <= YES | NO and cells != {""}
    ]
    classes = [name for name in binary if folded[name] & YES]
    if {"label", "labels"} & set(columns) or len(binary) < 2 or not classes:
        return [], []
    return classes, [name for name in binary if name not in classes]


def _seconds(cell: str, name: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(re.sub(r"^(\d+),(\d+)$", r"\1.\2", cell))  # as a spreadsheet writes 0,5 in half of Europe
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise AudiotagError(f"{where}: {name} must be seconds from the recording's beginning, received {cell!r}")
    return value


def _split_name(cell: str, column: str, where: str) -> str:
    number = re.fullmatch(r"([0-9]+)(\.0)?", cell)  # a spreadsheet's fold may be 1.0
    split = f"fold{number[1]}" if number and column == "fold" else cell
    split = f"fold{split}" if column == "fold" and not splits.recognise([split]) else split
    if not cell or (not re.fullmatch(r"[A-Za-z0-9_-]+", split) and not splits.recognise([split])):
        example = "1" if column == "fold" else "train"
        raise AudiotagError(
            f"{where}: {column} must be letters, digits, _ or -, for example {example}, received {cell!r}"
        )
    return split


def _part_of_row(row: dict[str, str], header: dict[str, str], one_hot: list[str], find: Recordings, where: str) -> Part:
    cells = {meaning: row[column].strip() for meaning, column in header.items()}
    if not cells["path"]:
        raise AudiotagError(f"{where}: the cell {header['path']} is empty: name the recording")
    source = find.find(cells["path"])
    start, end = (_seconds(cells.get(name, ""), name, where) for name in ("start", "end"))
    start = start or 0.0
    if end is not None and end <= start:
        raise AudiotagError(f"{where}: end must come after start, received {start:g} to {end:g} s")
    split = _split_name(cells["split"], header["split"], where) if "split" in header else ""
    clip_id = cells.get("clip_id") or (f"{source}#{start:.3f}" if start or end is not None else source)
    columns = {column: cell.strip() for column, cell in row.items() if column not in (*COLUMNS, *one_hot)}
    labels = tuple(name.strip() for name in one_hot if row[name].strip().casefold() in YES)
    return Part(clip_id, source, labels or split_cell(cells.get("labels", "")), split, start, end, columns)


def _text(cell: object) -> str:
    """A cell of Parquet as one of CSV."""
    if isinstance(cell, list):
        return join_cell(map(str, cell))
    return "" if cell is None or cell != cell else str(cell)


def _merge(parts: list[tuple[str, Part]], table: Path) -> list[Part]:
    """One part of the rows that name the same clip with a label each; a row that repeats another is left as it is."""
    rows_of: dict[object, list[tuple[str, Part]]] = {}
    for where, part in parts:
        rows_of.setdefault((part.clip_id, part.source, part.start, part.end), []).append((where, part))
    merged, repeated = [], []
    for (place, first), *others in rows_of.values():
        own = [first]
        for where, part in others:
            if part.split != first.split:
                raise AudiotagError(
                    f"{where}: a clip is in one split, {part.clip_id} is in {first.split} ({place}) and in {part.split}"
                    ": keep one"
                )
            (repeated if part in own else own).append(part)
        labels = tuple(dict.fromkeys(label for part in own for label in part.labels))
        cells = {column: list(dict.fromkeys(part.columns[column] for part in own)) for column in first.columns}
        columns = {column: each[0] if len(each) == 1 else join_cell(each) for column, each in cells.items()}
        merged.append(replace(first, labels=labels, columns=columns))
    if rows := len(parts) - len(repeated) - len(merged):
        progress.say(f"{table}: rows that name the clip of an earlier row ({rows}): their labels are merged")
    return [*merged, *repeated]


def _parts_of_table(root: Path, table: Path, group_by: str | None) -> list[Part]:
    rows = tables.read(table).map(_text)
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
    parts = []
    for position, row in enumerate(rows.to_dict("records")):
        where = f"{table} {tables.place(rows, position)}"
        parts.append((where, _part_of_row(row, header, one_hot, find, where)))
    if not any(part.labels for _, part in parts):
        column = header.get("labels", ", ".join(one_hot))
        raise AudiotagError(f"{table} names no label in any row: fill the column {column}")
    split_of = splits.recognise(sorted({part.split for _, part in parts}))
    named = [(where, replace(part, split=split_of.get(part.split, part.split))) for where, part in parts]
    return _merge(named, table)


def _length(path: Path) -> float | None:
    """Seconds of a recording; None: it cannot be opened."""
    try:
        return audio.seconds(path)
    except AudioError:
        return None


def _cut(part: Part, length: float | None, seconds: float) -> Iterator[Part]:
    """The part in consecutive pieces of `seconds`, the last one moved back so that it ends where the part ends."""
    if length is None or part.start >= length or is_beyond(part.start, part.end, length):
        yield replace(part, readable=False)  # stays one clip, so that the build rejects it and says why
        return
    end = length if part.end is None else min(part.end, length)
    whole, window = math.floor((end - part.start) * 1000), round(seconds * 1000)  # both in milliseconds
    starts = audio.windows(whole, window, window)
    if len(starts) == 1:
        yield part
        return
    name = part.source if part.clip_id.startswith(f"{part.source}#") else part.clip_id
    for first in starts:
        start = round(part.start + first / 1000, 3)
        yield replace(part, clip_id=f"{name}#{start:.3f}", start=start, end=round(start + seconds, 3))


def _groups(parts: list[Part], root: Path, group_by: str | None) -> dict[str, str]:
    """By recording, the name of those that stay in one split: of one cell of `group_by`, or copies of one another."""
    group_of = {part.recording: part.recording for part in parts}

    def find(name: str) -> str:
        while group_of[name] != name:
            name = group_of[name]
        return name

    def join(names: Sequence[str]) -> None:
        roots = sorted({find(name) for name in names})
        group_of.update(dict.fromkeys(roots, roots[0]))

    recordings: dict[str, list[str]] = {}
    together: dict[str, list[str]] = {}
    for part in parts:
        recordings.setdefault(part.source, []).append(part.recording)
        if group_by and part.columns[group_by]:
            together.setdefault(part.columns[group_by], []).append(part.recording)
    readable = sources.survey(root, sorted({part.source for part in parts if part.readable}))
    copies = sources.same_bytes(root, readable)
    for group in (*recordings.values(), *together.values()):
        join(group)
    for group in copies:
        join([recordings[source][0] for source in group])
    return {name: find(name) for name in group_of}


def _draw_splits(parts: list[Part], group_of: dict[str, str]) -> list[Part]:
    """Draw train, validation and test for whole groups of recordings."""
    labels_of: dict[str, set[str]] = {}
    for part in parts:
        if part.readable:  # what will be rejected must not use up a class's few places
            labels_of.setdefault(group_of[part.recording], set()).update(part.labels or {""})
    split_of = splits.draw(labels_of)
    return [replace(part, split=split_of.get(group_of[part.recording], "train")) for part in parts]


def _check_groups(parts: list[Part], group_by: str) -> None:
    """Splits that a table states must not divide a group."""
    first: dict[str, Part] = {}
    for part in parts:
        group = part.columns[group_by]
        other = first.setdefault(group, part)
        if group and other.split != part.split:
            raise AudiotagError(
                f"a group is in one split, {group_by} {group!r} is in {other.split} ({other.clip_id}) and in "
                f"{part.split} ({part.clip_id}): move one, or remove the column of splits to have them drawn"
            )


def declare(
    source: str | Path,
    table: str | Path | None = None,
    seconds: float = 5.0,
    group_by: str | None = None,
    allow_class_names: bool = False,
    channel: str | None = None,
    speed: float = 1.0,
    pad: Literal["repeat", "zero"] = "repeat",
) -> Declaration:
    """Declare a folder of recordings.

    Without a table, a recording's class is its folder in `source`, however deep the recording lies in it:
    `dog/3.wav`, `dog/park/4.flac`. Folders `train`, `validation` and `test` around the class folders, in any usual
    spelling (`Train`, `val`, `dev`, `eval`, `fold1`), set the splits. With a table, its rows are the clips and other
    files do not matter. Its columns are path (or filename, or source; relative to `source`), label or labels (several
    separated by `;`) and, if wanted, clip_id, start, end (seconds), and split or fold. Without a column of labels,
    two or more columns that hold 0 and 1 alone are classes, those without a 1 not. Rows that name the same clip have
    their labels merged. Any other column ("device") is kept in `clips.csv`, for slices of an evaluation; "recording"
    tells which rows belong to one recording, where the files do not. If a clip has several labels or none, the task is
    multilabel.

    Where splits are not set, they are drawn by recording, from its path alone: all clips of one recording, and of its
    copies, are in one split; of each class about 70 % are for training (at least one recording), 15 % for validation,
    15 % for test.

    A recording that cannot be opened stays a clip, which the build rejects with a reason.

    Args:
        source: folder of the recordings.
        table: CSV file, with commas, semicolons or tabs, or Parquet; also looked for in `source`. Default: a folder a
            class.
        seconds: length of a clip, at least 0.001 s. Longer recordings (or rows) are cut into consecutive clips named
            `path#start`, the last one moved back to end with the recording (a rest below 2 % of a clip is left out);
            shorter ones are filled up.
        group_by: column of the table whose equal cells stay in one split, such as "site". Default: recordings do.
        allow_class_names: folders are classes, whatever they are called ("train", "audio").
        channel: mean, left, right, loudest or a number from 1. None: the mean; where it cancels, the loudest.
        speed: play recordings faster or slower: 0.1 makes bats audible, 8 whales. Times stay the recording's own;
            `seconds` are those of the clip that is heard.
        pad: how a shorter recording is filled up: "repeat" itself or "zero".
    """
    source = storage.place(source)
    root = source.resolve()
    if not root.is_dir():
        raise AudiotagError(f"source must be a folder of recordings, received {source}: no such folder")
    if not seconds >= 0.001:
        raise AudiotagError(f"seconds must be at least 0.001, received {seconds}")
    if table is None and group_by is not None:
        raise AudiotagError(f"groups are a column of a table, received group_by {group_by!r} without one: name a table")
    if table is None:
        parts = _parts_of_folders(source, allow_class_names)
    else:
        path = storage.place(table)
        parts = _parts_of_table(source, path if storage.is_file(path) else root / table, group_by)
    audio.Recording(root, channel, speed)  # refuses what no recording can be read with
    way = {"read_channel": channel or "", "read_speed": f"{speed:g}"} if channel is not None or speed != 1 else {}
    names = list(dict.fromkeys(part.source for part in parts))
    lengths = sources.in_threads("Measuring the recordings", names, lambda name: _length(root / name))
    read = [replace(part, columns=part.columns | way) for part in parts]
    cut = [piece for part in read for piece in _cut(part, lengths[part.source], seconds * reading_of(part.columns)[1])]
    if not all(part.split for part in cut):
        cut = _draw_splits(cut, _groups(cut, root, group_by))
    elif group_by is not None:
        _check_groups(cut, group_by)
    clips = tuple(
        Clip(part.clip_id, part.source, part.labels, part.split, part.start, part.end, columns=part.columns)
        for part in cut
    )
    rows = sorted(
        repr((clip.clip_id, clip.source, clip.labels, clip.split, clip.start, clip.end, *sorted(clip.columns.items())))
        for clip in clips
    )
    return Declaration(
        name=root.name,
        version=storage.fingerprint([seconds, *rows])[:12],
        task="multiclass" if all(len(clip.labels) == 1 for clip in clips) else "multilabel",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(sorted({label for clip in clips for label in clip.labels}))),
        clips=clips,
        seconds=seconds,
        root=root,
        pad=pad,
    )
