"""Transcriptions as MIDI files, CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

from audiotag import storage
from audiotag.errors import AudiotagError, suggest
from audiotag.notes import midi
from audiotag.tagging.transcribing import Transcription

FORMATS = ("midi", "csv", "jsonl")
COLUMNS = ("onset", "offset", "pitch", "name", "velocity")


def check(format: str, out: Path | None) -> None:
    """Refuse a format that there is not, or one that needs a file and has none."""
    if format not in FORMATS:
        raise AudiotagError(f"no format of notes is named {format!r}: {suggest(format, FORMATS)}")
    if format == "midi" and out is None:
        raise AudiotagError("a MIDI file is no text: name it with --out notes.mid, or ask for csv or jsonl")


def write(result: Transcription, format: str, out: Path | None = None) -> None:
    """Write the notes of a recording.

    Args:
        result: what `transcribe` gave.
        format: "midi", "csv" (columns onset, offset, pitch, name, velocity; seconds with three decimals) or "jsonl" (an
            object with the same keys a line).
        out: the file; None: standard output, of texts alone.

    Raises:
        AudiotagError: no such format, or MIDI without a file.
    """
    check(format, out)
    if format == "midi":
        midi.write(out, result.notes)
        return
    rows = [
        (round(note.onset, 3), round(note.offset, 3), note.pitch, note.name, note.velocity) for note in result.notes
    ]
    text = _csv(rows) if format == "csv" else "".join(_json(row) for row in rows)
    if out is None:
        sys.stdout.write(text)
        return
    with storage.write_atomically(out) as file:
        file.write(text)


def _csv(rows: list[tuple]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((f"{onset:.3f}", f"{offset:.3f}", *rest) for onset, offset, *rest in rows)
    return text.getvalue()


def _json(row: tuple) -> str:
    return json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n"
