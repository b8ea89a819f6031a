"""Tables with a row an event: selection tables of Raven, CSV and TSV of other tools, Parquet.

Columns are known by the names that Raven, BirdNET-Analyzer, OpenSoundscape, crowsetta, Kaleidoscope, DCASE and audiotag
itself give them, whatever the case of letters, with spaces or `_` between words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from audiotag import tables
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.records.annotations.annotation import Annotation
from audiotag.records.clip_tables import as_text, seconds

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


def read(path: Path, label: str | None = None, keep: Sequence[str] = ()) -> list[Annotation]:
    """Read a table; arguments as of `reading.read`.

    A row without times and label, or with BirdNET's `nocall`, says that nothing sounds in its recording.
    """
    table = tables.read(path).map(as_text)
    columns = list(table.columns)
    named = {_folded(column): column for column in columns}

    def column(names: Iterable[str]) -> str | None:
        return next((named[name] for name in names if name in named), None)

    onset, offset, duration = column(ONSETS), column(OFFSETS), column(DURATIONS)
    if onset is None and duration is not None:  # Kaleidoscope's OFFSET is that from the recording's beginning
        onset, offset = offset, None
    extent = offset or duration
    if onset is None or extent is None:
        raise AudiotagError(
            f"an event begins and ends, {path} has the columns {', '.join(columns)}: name two of them onset and offset"
        )
    if table.empty:
        return []  # Raven adds columns of its user with the first selection
    classes = column(LABELS if label is None else [_folded(label)])
    if classes is None:
        raise AudiotagError(
            f"{path} has no column {label or LABELS[0]!r} of classes, it has {', '.join(columns)}: choose one with "
            "--label"
        )
    source, in_file = column(PATHS), named.get(IN_FILE)
    folder = named.get("folder") if source and _folded(source) == "in file" else None
    annotations = []
    for position, row in enumerate(table.to_dict("records")):
        place = tables.place(table, position)
        if not any(map(str.strip, row.values())):
            continue  # a spreadsheet has empty ones
        where, text = f"{path} {place}", row[classes].strip()
        start = seconds(row[onset].strip(), onset, where)
        last = seconds(row[extent].strip(), extent, where)
        own = {
            "recording": "/".join(row[name].strip() for name in (folder, source) if name),
            "place": place,
            "cells": {name: row[name].strip() for name in keep if name in row},
        }
        if text.casefold() == NOTHING or (start is None and last is None and not text):
            annotations.append(Annotation(0.0, 0.0, "", **own, nothing=True))
            continue
        if start is None or last is None:
            raise AudiotagError(f"{where}: an event begins and ends, received {row[onset]!r} and {row[extent]!r}")
        end = last if offset else start + last
        if in_file and row[in_file].strip():
            begin = seconds(row[in_file].strip(), in_file, where)
            start, end = begin, begin + end - start
        annotations += [Annotation(start, end, name, **own) for name in split_cell(text) or ("",)]
    return annotations


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
