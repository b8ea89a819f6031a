"""Your own recordings: a folder a class, or a table of clips; long recordings are cut into consecutive clips."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from audiotag import audio, storage, tables
from audiotag.errors import AudioError, AudiotagError, AudioWarning
from audiotag.labels import Labels, split_cell
from audiotag.records import Clip, Declaration

LICENCE = "not stated: the licence of your recordings"
CITATION = "your own recordings"
SPLITS = ("train", "validation", "test")
HELD_OUT = 0.15
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


def _recordings(root: Path) -> list[str]:
    """Sound files under `root` as sorted relative paths; hidden files and folders are left out."""
    search = audio.search(root)
    if left_out := search.left_out():
        warnings.warn(f"left out of {root}: {left_out}", AudioWarning, stacklevel=2)
    names = sorted(path.relative_to(root).as_posix() for path in search.sounds)
    for name in names:
        if re.search("[\udc80-\udcff]", name):  # bytes that are not UTF-8, as Python shows them
            raise AudiotagError(f"file names must be UTF-8, received {name!r} in {root}: rename it")
    return names


def _parts_of_folders(root: Path) -> list[Part]:
    files = _recordings(root)
    if not files:
        raise AudiotagError(f"{root} holds no sound files ({' '.join(audio.SUFFIXES)}): put a folder a class into it")
    has_splits = {file.split("/")[0] for file in files} <= set(SPLITS)
    depth = 1 if has_splits else 0
    loose = [file for file in files if file.count("/") <= depth]
    if loose:
        raise AudiotagError(
            f"recordings lie in a folder a class, {len(loose)} of {root} do not, {loose[0]!r} for one: "
            "move them into class folders, or list them in a table with columns path,labels"
        )
    return [
        Part(file, file, (file.split("/")[depth],), split=file.split("/")[0] if has_splits else "") for file in files
    ]


def _header(columns: list[str], table: Path) -> dict[str, str]:
    """The table's name of each column that has a meaning: {"path": "filename", …}.

    A further column is left as it is, unless its name nearly is one with a meaning: a slip of the pen.
    """
    for column in columns:
        folded = column.strip().casefold()
        near = get_close_matches(folded, COLUMNS, n=1, cutoff=0.75)
        if column not in COLUMNS and near:
            raise AudiotagError(
                f"{table} has the column {column!r}, did you mean {near[0]!r}? Rename or remove it (known: "
                f"{', '.join(COLUMNS)}; a column of any other name is kept)"
            )
    meanings = Counter(COLUMNS.get(column, column) for column in columns)
    twice = [column for column in columns if meanings[COLUMNS.get(column, column)] > 1]
    if twice:
        raise AudiotagError(f"{table} has columns that mean the same: {', '.join(twice)}: keep one")
    for needed, names in (("path", "path, filename or source"), ("labels", "label or labels")):
        if needed not in meanings:
            raise AudiotagError(f"{table} has no column {names}, received {', '.join(columns) or 'no header'}")
    return {COLUMNS[column]: column for column in columns if column in COLUMNS}


def _seconds(cell: str, name: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise AudiotagError(f"{where}: {name} must be seconds from the recording's beginning, received {cell!r}")
    return value


def _split_name(cell: str, column: str, where: str) -> str:
    split = f"fold{cell}" if column == "fold" and not cell.startswith("fold") else cell
    if not cell or not re.fullmatch(r"[A-Za-z0-9_-]+", split):
        example = "1" if column == "fold" else "train"
        raise AudiotagError(
            f"{where}: {column} must be letters, digits, _ or -, for example {example}, received {cell!r}"
        )
    return split


def _part_of_row(row: dict[str, str], header: dict[str, str], root: Path, where: str) -> Part:
    cells = {meaning: row[column].strip() for meaning, column in header.items()}
    if not cells["path"]:
        raise AudiotagError(f"{where}: the cell {header['path']} is empty: name the recording")
    source = storage.inside(root, cells["path"]).relative_to(storage.inside(root, ".")).as_posix()
    start, end = (_seconds(cells.get(name, ""), name, where) for name in ("start", "end"))
    start = start or 0.0
    if end is not None and end <= start:
        raise AudiotagError(f"{where}: end must come after start, received {start:g} to {end:g} s")
    split = _split_name(cells["split"], header["split"], where) if "split" in header else ""
    clip_id = cells.get("clip_id") or (f"{source}#{start:.3f}" if start or end is not None else source)
    columns = {column: cell.strip() for column, cell in row.items() if column not in COLUMNS}
    return Part(clip_id, source, split_cell(cells["labels"]), split, start, end, columns)


def _parts_of_table(root: Path, table: Path) -> list[Part]:
    rows = tables.read(table)
    header = _header(list(rows.columns), table)
    parts = [
        _part_of_row(row, header, root, f"{table} {tables.place(rows, position)}")
        for position, row in enumerate(rows.to_dict("records"))
    ]
    if not any(part.labels for part in parts):
        raise AudiotagError(f"{table} names no label in any row: fill the column {header['labels']}")
    return parts


def _cut(part: Part, root: Path, seconds: float) -> Iterator[Part]:
    """The part in consecutive pieces of `seconds`, the last one moved back so that it ends where the part ends."""
    try:
        length = audio.seconds(root / part.source)
    except AudioError:
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


def _draw_splits(parts: list[Part]) -> list[Part]:
    """Draw train, validation and test for whole recordings, class by class, beginning with the rarest."""
    labels_of: dict[str, set[str]] = {}
    for part in parts:
        if part.readable:  # what will be rejected must not use up a class's few places
            labels_of.setdefault(part.recording, set()).update(part.labels or {""})
    counts = Counter(label for labels in labels_of.values() for label in labels)
    order = sorted(labels_of, key=lambda recording: hashlib.sha256(recording.encode()).digest())
    split_of: dict[str, str] = {}
    for label in sorted(counts, key=lambda name: (counts[name], name)):
        members = [recording for recording in order if label in labels_of[recording]]
        free = [recording for recording in members if recording not in split_of]
        for split in ("validation", "test"):
            taken = sum(split_of.get(recording) == split for recording in members)
            wanted = max(round(HELD_OUT * len(members)) - taken, 0)
            split_of.update(dict.fromkeys(free[:wanted], split))
            free = free[wanted:]
        split_of.update(dict.fromkeys(free, "train"))
        if not any(split_of[source] == "train" for source in members):
            split_of[members[0]] = "train"
    return [replace(part, split=part.split or split_of.get(part.recording, "train")) for part in parts]


def declare(
    source: str | Path,
    table: str | Path | None = None,
    seconds: float = 5.0,
    channel: str | None = None,
    speed: float = 1.0,
    pad: Literal["repeat", "zero"] = "repeat",
) -> Declaration:
    """Declare a folder of recordings.

    Without a table, a recording's class is its folder in `source`, however deep the recording lies in it:
    `dog/3.wav`, `dog/park/4.flac`. Folders `train`, `validation` and `test` around the class folders
    (`train/dog/3.wav`) set the splits. With a table, its rows are the clips and other files do not matter. Its columns
    are path (or filename, or source; relative to `source`), label or labels (several separated by `;`) and, if wanted,
    clip_id, start, end (seconds), and split or fold. Any other column ("device") is kept in `clips.csv`, for slices of
    an evaluation; "recording" tells which rows belong to one recording, where the files do not. If a row has several
    labels or none, the task is multilabel.

    Where splits are not set, they are drawn by recording, from its path alone: all clips of one recording are in one
    split; of each class about 70 % are for training (at least one recording), 15 % for validation, 15 % for test.

    A recording that cannot be opened stays a clip, which the build rejects with a reason.

    Args:
        source: folder of the recordings.
        table: CSV file; also looked for in `source`. None: a folder a class.
        seconds: length of a clip, at least 0.001 s. Longer recordings (or rows) are cut into consecutive clips named
            `path#start`, the last one moved back to end with the recording (a rest below 2 % of a clip is left out);
            shorter ones are filled up.
        channel: mean, left, right, loudest or a number from 1. None: the mean; where it cancels, the loudest.
        speed: play recordings faster or slower: 0.1 makes bats audible, 8 whales. Times stay the recording's own;
            `seconds` are those of the clip that is heard.
        pad: how a shorter recording is filled up: "repeat" itself or "zero".
    """
    root = Path(source).resolve()
    if not root.is_dir():
        raise AudiotagError(f"source must be a folder of recordings, received {source}: no such folder")
    if not seconds >= 0.001:
        raise AudiotagError(f"seconds must be at least 0.001, received {seconds}")
    if table is None:
        parts = _parts_of_folders(root)
    else:
        parts = _parts_of_table(root, Path(table) if Path(table).is_file() else root / table)
    audio.Recording(root, channel, speed)  # refuses what no recording can be read with
    way = {"read_channel": channel or "", "read_speed": f"{speed:g}"} if channel is not None or speed != 1 else {}
    cut = [replace(piece, columns=piece.columns | way) for part in parts for piece in _cut(part, root, seconds * speed)]
    if not all(part.split for part in cut):
        cut = _draw_splits(cut)
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
