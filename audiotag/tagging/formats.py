"""Results of tagging as a table for people, as CSV or JSON lines for programs, as labels for Audacity and Raven."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from audiotag import audio
from audiotag.errors import AudiotagError, Stopped, suggest
from audiotag.tagging.files import FileTags, report_failure, shown_path
from audiotag.tagging.results import Results
from audiotag.tagging.tags import Tag

COLUMNS = ("file", "start", "end", "label", "score", "time")
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
        format: "table" (for people), "csv" (columns file,start,end,label,score,time; seconds with three
            decimals; the moment of the start, where it is known when the recording began), "jsonl"
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
    failed = number = 0
    try:
        for number, result in enumerate(results, 1):
            check(format, number)
            if number == 1:  # not before: an option may be refused instead of a first result
                print(head, end="", file=stream or sys.stdout)
            print(show(result), end="", file=stream or sys.stdout, flush=True)
            if result.reason:
                failed += 1
                report_failure(result.path, result.reason, errors)
    except KeyboardInterrupt as stop:
        raise Stopped(f"stopped; the results of {number} files are written: the same command begins anew") from stop
    return failed


def write_each(found: Iterable[FileTags], results: Results, format: str, errors: IO[str] | None = None) -> int:
    """Write the results of each file into a file of its own, as soon as they are there.

    Args:
        found: what `tag_files` yields.
        results: where to.
        format: as of `write`.
        errors: as of `write`.

    Returns:
        Number of files that could not be tagged.

    Raises:
        Stopped: the user has ended it.
    """
    failed = written = 0
    try:
        for result in found:
            if result.reason:
                failed += 1
                report_failure(result.path, result.reason, errors)
                continue
            stream = io.StringIO()
            head, show = FORMATS[format](stream, False)
            results.add(result, head + show(result))
            written += 1
    except KeyboardInterrupt as stop:
        raise Stopped(
            f"stopped; {results.folder} holds the results of {written} more files: the same command goes on there"
        ) from stop
    return failed


def suffix_of(format: str) -> str:
    """What the file of one recording's results ends in."""
    return f".{format}" if format in ("csv", "jsonl") else ".txt"


Format = tuple[str, Callable[[FileTags], str]]
"""What comes first, and what a result becomes."""


def _time(result: FileTags, tag: Tag) -> str | None:
    """When a tag begins, ISO 8601 to the millisecond; None where nobody says when its recording began."""
    if result.recorded is None:
        return None
    return (result.recorded + timedelta(seconds=round(tag.start, 3))).isoformat(timespec="milliseconds")


def _csv(stream: IO[str], several: bool) -> Format:
    def lines(rows: Iterable[Iterable[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()

    def show(result: FileTags) -> str:
        file = shown_path(result.path)
        return lines(
            (file, f"{tag.start:.3f}", f"{tag.end:.3f}", tag.label, f"{tag.score:.6f}", _time(result, tag) or "")
            for tag in result.tags
        )

    return lines([COLUMNS]), show


def _json_lines(stream: IO[str], several: bool) -> Format:
    # Escapes of a stream that cannot encode a name would be no JSON.
    ascii_only = "utf" not in (getattr(stream, "encoding", None) or "utf-8").lower()

    def show(result: FileTags) -> str:
        file = shown_path(result.path)
        cells = (
            (file, round(tag.start, 3), round(tag.end, 3), tag.label, round(tag.score, 6), _time(result, tag))
            for tag in result.tags
        )
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
