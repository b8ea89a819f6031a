"""Results of tagging as a table for people, or as CSV or JSON lines for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from audiotag.errors import AudiotagError, suggest
from audiotag.tagging.results import FileTags

COLUMNS = ("file", "start", "end", "label", "score")


def write(
    results: Iterable[FileTags], format: str = "table", stream: IO[str] | None = None, errors: IO[str] | None = None
) -> int:
    """Write results as they come.

    Args:
        results: what `tag_files` yields.
        format: "table" (for people), "csv" (columns file,start,end,label,score; seconds with three decimals) or
            "jsonl" (an object with the same keys a line; for a bad file, the keys file and error).
        stream: where to; None: standard output.
        errors: where the reasons of bad files go, a line each; None: standard error. JSON lines hold them too.

    Returns:
        Number of files that could not be tagged.
    """
    if format not in FORMATS:
        raise AudiotagError(f"no format is named {format!r}: {suggest(format, FORMATS)}")
    stream = stream or sys.stdout
    show = FORMATS[format](stream)
    failed = 0
    for result in results:
        show(result)
        stream.flush()
        if result.reason:
            failed += 1
            # Standard error is looked up now: a running progress bar has put itself in its place.
            print(f"audiotag: {_shown(result.path)}: {result.reason}", file=errors or sys.stderr)
    return failed


def _shown(path: Path) -> str:
    """The path as text that any stream takes: bytes that are not UTF-8 appear as escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _rows(result: FileTags) -> list[dict[str, Any]]:
    return [
        {
            "file": _shown(result.path),
            "start": round(tag.start, 3),
            "end": round(tag.end, 3),
            "label": tag.label,
            "score": round(tag.score, 6),
        }
        for tag in result.tags
    ]


def _csv(stream: IO[str]) -> Callable[[FileTags], None]:
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()

    def show(result: FileTags) -> None:
        for row in _rows(result):
            numbers = {"start": f"{row['start']:.3f}", "end": f"{row['end']:.3f}", "score": f"{row['score']:.6f}"}
            writer.writerow({**row, **numbers})

    return show


def _json_lines(stream: IO[str]) -> Callable[[FileTags], None]:
    def show(result: FileTags) -> None:
        rows = [{"file": _shown(result.path), "error": result.reason}] if result.reason else _rows(result)
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    return show


def _table(stream: IO[str]) -> Callable[[FileTags], None]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, highlight=False)

    def show(result: FileTags) -> None:
        if result.reason:
            return
        console.print(Text(_shown(result.path), style="bold"), soft_wrap=True)
        table = Table(box=None, pad_edge=False, show_header=bool(result.tags))
        table.add_column("from s", justify="right")
        table.add_column("to s", justify="right")
        table.add_column("score", justify="right")
        table.add_column("label", overflow="fold")
        before = None
        for tag in result.tags:
            times = ("", "") if before == tag.start else (f"{tag.start:.2f}", f"{tag.end:.2f}")
            table.add_row(*times, f"{tag.score:.3f}", Text(tag.label))
            before = tag.start
        console.print(table)
        if not result.tags:
            console.print("no label reaches the threshold")

    return show


FORMATS: dict[str, Callable[[IO[str]], Callable[[FileTags], None]]] = {
    "table": _table,
    "csv": _csv,
    "jsonl": _json_lines,
}
"""Ways to write results, by name."""
