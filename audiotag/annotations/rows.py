"""Tables with a row an event: selection tables of Raven, CSV and TSV of other tools, Parquet.

Columns are known by the names that Raven, BirdNET-Analyzer, OpenSoundscape, crowsetta, Kaleidoscope, DCASE and audiotag
itself give them, whatever the case of letters, with spaces or `_` between words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiotag import tables
from audiotag.annotations.annotation import Annotation
from audiotag.clips.clip_tables import as_text, seconds
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell

PATHS = ("path", "begin path", "begin file", "filename", "file", "file name", "file path", "source", "audio file")
PATHS += ("audio path", "in file", "fname", "audio", "recording", "notated path")
ONSETS = (
    "onset",
    "start",
    "begin time (s)",
    "start (s)",
    "start time",
    "start time (s)",
    "begin time",
    "begin",
    "onset s",
)
OFFSETS = ("offset", "end", "end time (s)", "end (s)", "end time", "stop", "stop time", "offset s")
DURATIONS = ("duration", "duration (s)", "delta time (s)")
LABELS = ("label", "labels", "event label", "manual id", "species", "annotation", "class", "class name", "common name")
LABELS += ("species code", "tag", "tags", "category", "sound", "scientific name")
IN_FILE = "file offset (s)"
"""Raven's column of where an event begins in its file, where "Begin Time (s)" counts through a sequence of files."""

NOTHING = "nocall"
"""What BirdNET-Analyzer writes for a recording in which it has found nothing."""


@dataclass(frozen=True)
class _Columns:
    """The table's names of the columns that mean something; None: it has none."""

    onset: str
    offset: str | None
    duration: str | None
    classes: str | None
    recording: tuple[str, ...]
    in_file: str | None


def read(path: Path, label: str | None = None, keep: Sequence[str] = ()) -> list[Annotation]:
    """Read a table; arguments as of `reading.read`.

    A row without times and label, or with BirdNET's `nocall`, says that nothing sounds in its recording.
    """
    table = tables.read(path)
    columns = _columns(path, list(table.columns), label)
    if table.empty:
        return []
    if columns.classes is None:  # which Raven adds with the first selection
        raise AudiotagError(
            f"{path} has no column {label or LABELS[0]!r} of classes, it has {', '.join(table.columns)}: choose one "
            "with --label"
        )
    cells = {name: [as_text(cell).strip() for cell in table[name]] for name in table.columns}
    kept = [name for name in keep if name in cells]
    annotations = []
    for position, row in enumerate(zip(*cells.values(), strict=True)):
        if not any(row):
            continue  # a spreadsheet has empty ones
        line, text = tables.place(table, position), cells[columns.classes][position]
        span = None if text.casefold() == NOTHING else _span(columns, cells, position, f"{path} {line}", bool(text))
        names = split_cell(text) if text and span else ()
        recording = "/".join(cells[name][position] for name in columns.recording)
        place, further = f"{path.name} {line}", {name: cells[name][position] for name in kept}
        onset, offset = span or (0.0, 0.0)
        annotations += [
            Annotation(onset, offset, name, recording, place, further, span is None) for name in names or ("",)
        ]
    return annotations


def _columns(path: Path, columns: list[str], label: str | None) -> _Columns:
    named = {_folded(column): column for column in columns}

    def first(names: Iterable[str]) -> str | None:
        return next((named[name] for name in names if name in named), None)

    onset, offset, duration = first(ONSETS), first(OFFSETS), first(DURATIONS)
    if onset is None and duration is not None:  # Kaleidoscope's OFFSET is that from the recording's beginning
        onset, offset = offset, None
    if onset is None or (offset or duration) is None:
        raise AudiotagError(
            f"an event begins and ends, {path} has the columns {', '.join(columns)}: name two of them onset and offset"
        )
    recording = first(PATHS)
    folder = named.get("folder") if recording and _folded(recording) == "in file" else None  # Kaleidoscope's too
    return _Columns(
        onset,
        offset,
        duration,
        first(LABELS if label is None else [_folded(label)]),
        tuple(filter(None, (folder, recording))),
        named.get(IN_FILE),
    )


def _span(
    columns: _Columns, cells: Mapping[str, list[str]], position: int, where: str, has_label: bool
) -> tuple[float, float] | None:
    """Onset and offset of a row; None: it has no times and no label.

    Raises:
        AudiotagError: it has one of them alone, or none that is a time.
    """
    last = columns.offset or columns.duration
    onset, end = (seconds(cells[name][position], name, where) for name in (columns.onset, last))
    if onset is None and end is None and not has_label:
        return None
    if onset is None or end is None:
        received = f"{cells[columns.onset][position]!r} and {cells[last][position]!r}"
        raise AudiotagError(f"{where}: an event begins and ends, received {received}: correct the row")
    extent = end - onset if columns.offset else end
    if columns.in_file and cells[columns.in_file][position]:
        onset = seconds(cells[columns.in_file][position], columns.in_file, where)
    return onset, round(onset + extent, 9)


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
