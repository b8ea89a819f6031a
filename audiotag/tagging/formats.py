"""Results of tagging as a table for people, as CSV or JSON lines for programs, as labels for Audacity and Raven."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from audiotag import audio
from audiotag.errors import AudiotagError, Stopped, suggest
from audiotag.storage import write_atomically
from audiotag.tagging.files import FileTags, report_failure, shown_path

COLUMNS = ("file", "start", "end", "label", "score")
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
    *("Label", "Score"),
)
RAVEN_FILE = "Begin Path"
"""The further column of a table of several recordings; times are those of each."""


def check(format: str, files: int, out: Path | None = None) -> None:
    """Refuse a format that there is not, or that does not hold the results of so many files."""
    if format not in FORMATS:
        raise AudiotagError(f"no format is named {format!r}: {suggest(format, FORMATS)}")
    if format == "audacity" and files > 1 and out is None:
        raise AudiotagError(
            "a label track for audacity is that of one recording, received several: add --out FOLDER for a file each, "
            "or write csv"
        )
    if out is not None and out.exists() and not out.is_dir():
        raise AudiotagError(f"results of several recordings go into a folder, received the file {out}: name a folder")


def write(
    results: Iterable[FileTags],
    format: str = "table",
    stream: IO[str] | None = None,
    errors: IO[str] | None = None,
    several: bool = False,
) -> int:
    """Write results as they come.

    Args:
        results: what `tag_files` yields.
        format: "table" (for people), "csv" (columns file,start,end,label,score; seconds with three decimals), "jsonl"
            (an object with the same keys a line; for a bad file, the keys file and error), "audacity" (a label track:
            start, end and label, separated by tabs; of one file) or "raven" (a selection table over the recording's
            whole band).
        stream: where to; None: standard output.
        errors: where the reasons of bad files go, a line each; None: standard error. JSON lines hold them too.
        several: the table for Raven has a column that names the file.

    Returns:
        Number of files that could not be tagged.

    Raises:
        AudiotagError: no such format, or one that is for one file and several results.
        Stopped: the user has ended it.
    """
    check(format, 1)
    # Standard output is looked up at every result: a running progress bar has put itself in its place.
    head, show = FORMATS[format](stream or sys.stdout, several)
    print(head, end="", file=stream or sys.stdout)
    failed = number = 0
    try:
        for number, result in enumerate(results, 1):
            check(format, number)
            print(show(result), end="", file=stream or sys.stdout, flush=True)
            if result.reason:
                failed += 1
                report_failure(result.path, result.reason, errors)
    except KeyboardInterrupt as stop:
        raise Stopped(f"stopped; the results of {number} files are written: the same command begins anew") from stop
    return failed


def write_each(
    results: Iterable[FileTags], folder: Path, files: Iterable[Path], format: str, errors: IO[str] | None = None
) -> int:
    """Write the results of each file into a file of its own, as soon as they are there.

    Args:
        results: what `tag_files` yields.
        folder: where to; `park/1.wav` becomes `park/1.wav.txt` in it (`.csv` and `.jsonl` of those formats).
        files: all files that are tagged; folders that they have in common are left out of the names.
        format: as of `write`.
        errors: as of `write`.

    Returns:
        Number of files that could not be tagged.

    Raises:
        Stopped: the user has ended it.
    """
    check(format, 1, folder)
    common = Path(os.path.commonpath([path.absolute().parent for path in files]))
    failed = written = 0
    try:
        for result in results:
            if result.reason:
                failed += 1
                report_failure(result.path, result.reason, errors)
                continue
            suffix = f".{format}" if format in ("csv", "jsonl") else ".txt"
            target = folder / f"{shown_path(result.path.absolute().relative_to(common))}{suffix}"
            with write_atomically(target) as file:
                head, show = FORMATS[format](file, False)
                file.write(head + show(result))
            written += 1
    except KeyboardInterrupt as stop:
        raise Stopped(f"stopped; {folder} holds the results of {written} files: the same command begins anew") from stop
    return failed


Format = tuple[str, Callable[[FileTags], str]]
"""What comes first, and what a result becomes."""


def _csv(stream: IO[str], several: bool) -> Format:
    def lines(rows: Iterable[Iterable[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()

    def show(result: FileTags) -> str:
        file = shown_path(result.path)
        return lines((file, f"{tag.start:.3f}", f"{tag.end:.3f}", tag.label, f"{tag.score:.6f}") for tag in result.tags)

    return lines([COLUMNS]), show


def _json_lines(stream: IO[str], several: bool) -> Format:
    # Escapes of a stream that cannot encode a name would be no JSON.
    ascii_only = "utf" not in (getattr(stream, "encoding", None) or "utf-8").lower()

    def show(result: FileTags) -> str:
        file = shown_path(result.path)
        cells = ((file, round(tag.start, 3), round(tag.end, 3), tag.label, round(tag.score, 6)) for tag in result.tags)
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
        if result.reason:
            rows = [{"file": file, "error": result.reason}]
        return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)

    return "", show


def _audacity(stream: IO[str], several: bool) -> Format:
    def show(result: FileTags) -> str:
        return "".join(f"{tag.start:.6f}\t{tag.end:.6f}\t{_one_line(tag.label)}\n" for tag in result.tags)

    return "", show


def _raven(stream: IO[str], several: bool) -> Format:
    number = 0

    def show(result: FileTags) -> str:
        nonlocal number
        highest = audio.info(result.path).sample_rate / 2 if result.tags else 0.0
        rows = []
        for tag in result.tags:
            number += 1
            place = (number, "Spectrogram 1", 1, f"{tag.start:.6f}", f"{tag.end:.6f}", "0.0", f"{highest:.1f}")
            file = [shown_path(result.path)] if several else []
            rows.append("\t".join(map(str, (*place, _one_line(tag.label), f"{tag.score:.6f}", *file))) + "\n")
        return "".join(rows)

    return "\t".join([*RAVEN_COLUMNS, *([RAVEN_FILE] if several else [])]) + "\n", show


def _one_line(label: str) -> str:
    """The label without tabs and line ends, which would end its field."""
    return " ".join(label.split())


def _table(stream: IO[str], several: bool) -> Format:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def show(result: FileTags) -> str:
        if result.reason:
            return ""
        table = Table(box=None, pad_edge=False, show_header=bool(result.tags))
        for heading in ("from s", "to s", "score"):
            table.add_column(heading, justify="right")
        table.add_column("label", overflow="fold")
        before = None
        for tag in result.tags:
            times = (f"{tag.start:.2f}", f"{tag.end:.2f}")
            table.add_row(*(("", "") if times == before else times), f"{tag.score:.3f}", Text(tag.label))
            before = times
        with console.capture() as shown:
            console.print(Text(shown_path(result.path), style="bold"), soft_wrap=True)
            console.print(table)
            if not result.tags:
                console.print("no label reaches the threshold")
        return shown.get()

    return "", show


FORMATS: dict[str, Callable[[IO[str], bool], Format]] = {
    "table": _table,
    "csv": _csv,
    "jsonl": _json_lines,
    "audacity": _audacity,
    "raven": _raven,
}
"""Ways to write results, by name: made of the stream, and whether several files go into it."""
