"""Results of tagging as a table for people, as CSV or JSON lines for programs, as labels for Audacity and Raven."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from typing import IO

from audiotag import audio
from audiotag.errors import AudiotagError, suggest
from audiotag.tagging.files import FileTags, report_failure, shown_path

COLUMNS = ("file", "start", "end", "label", "score")
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
    *("Label", "Score"),
)
OF_ONE_FILE = ("audacity", "raven")
"""Formats whose times are those of one recording."""


def check(format: str, files: int) -> None:
    """Refuse a format that there is not, or that does not hold the results of so many files."""
    if format not in FORMATS:
        raise AudiotagError(f"no format is named {format!r}: {suggest(format, FORMATS)}")
    if format in OF_ONE_FILE and files > 1:
        raise AudiotagError(f"labels for {format} are those of one recording, received several: tag one, or write csv")


def write(
    results: Iterable[FileTags], format: str = "table", stream: IO[str] | None = None, errors: IO[str] | None = None
) -> int:
    """Write results as they come.

    Args:
        results: what `tag_files` yields.
        format: "table" (for people), "csv" (columns file,start,end,label,score; seconds with three decimals), "jsonl"
            (an object with the same keys a line; for a bad file, the keys file and error), "audacity" (a label track:
            start, end and label, separated by tabs) or "raven" (a selection table over the recording's whole band).
            The last two are for one file.
        stream: where to; None: standard output.
        errors: where the reasons of bad files go, a line each; None: standard error. JSON lines hold them too.

    Returns:
        Number of files that could not be tagged.

    Raises:
        AudiotagError: no such format, or one that is for one file and several results.
    """
    check(format, 1)
    stream = stream or sys.stdout
    show = FORMATS[format](stream)
    failed = 0
    for number, result in enumerate(results, 1):
        check(format, number)
        show(result)
        stream.flush()
        if result.reason:
            failed += 1
            report_failure(result.path, result.reason, errors)
    return failed


def _csv(stream: IO[str]) -> Callable[[FileTags], None]:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)

    def show(result: FileTags) -> None:
        file = shown_path(result.path)
        writer.writerows(
            (file, f"{tag.start:.3f}", f"{tag.end:.3f}", tag.label, f"{tag.score:.6f}") for tag in result.tags
        )

    return show


def _json_lines(stream: IO[str]) -> Callable[[FileTags], None]:
    def show(result: FileTags) -> None:
        file = shown_path(result.path)
        cells = ((file, round(tag.start, 3), round(tag.end, 3), tag.label, round(tag.score, 6)) for tag in result.tags)
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
        if result.reason:
            rows = [{"file": file, "error": result.reason}]
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    return show


def _audacity(stream: IO[str]) -> Callable[[FileTags], None]:
    def show(result: FileTags) -> None:
        stream.writelines(f"{tag.start:.6f}\t{tag.end:.6f}\t{_one_line(tag.label)}\n" for tag in result.tags)

    return show


def _raven(stream: IO[str]) -> Callable[[FileTags], None]:
    stream.write("\t".join(RAVEN_COLUMNS) + "\n")

    def show(result: FileTags) -> None:
        highest = audio.info(result.path).sample_rate / 2 if result.tags else 0.0
        for number, tag in enumerate(result.tags, 1):
            place = (number, "Spectrogram 1", 1, f"{tag.start:.6f}", f"{tag.end:.6f}", "0.0", f"{highest:.1f}")
            stream.write("\t".join(map(str, (*place, _one_line(tag.label), f"{tag.score:.6f}"))) + "\n")

    return show


def _one_line(label: str) -> str:
    """The label without tabs and line ends, which would end its field."""
    return " ".join(label.split())


def _table(stream: IO[str]) -> Callable[[FileTags], None]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def show(result: FileTags) -> None:
        if result.reason:
            return
        console.print(Text(shown_path(result.path), style="bold"), soft_wrap=True)
        table = Table(box=None, pad_edge=False, show_header=bool(result.tags))
        for heading in ("from s", "to s", "score"):
            table.add_column(heading, justify="right")
        table.add_column("label", overflow="fold")
        before = None
        for tag in result.tags:
            times = (f"{tag.start:.2f}", f"{tag.end:.2f}")
            table.add_row(*(("", "") if times == before else times), f"{tag.score:.3f}", Text(tag.label))
            before = times
        console.print(table)
        if not result.tags:
            console.print("no label reaches the threshold")

    return show


FORMATS: dict[str, Callable[[IO[str]], Callable[[FileTags], None]]] = {
    "table": _table,
    "csv": _csv,
    "jsonl": _json_lines,
    "audacity": _audacity,
    "raven": _raven,
}
"""Ways to write results, by name."""
