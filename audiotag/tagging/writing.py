"""Results of tagging, written as they come: into a stream, or a file a recording."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from audiotag.errors import AudiotagError, Stopped
from audiotag.tagging import formats
from audiotag.tagging.files import FileTags, report_failure
from audiotag.tagging.results import Results


def check(format: str, files: int, out: Path | None = None) -> None:
    """Refuse a format that there is not, or that does not hold the results of so many files."""
    if formats.load(format).ALONE and files > 1 and out is None:
        raise AudiotagError(
            f"a file for {format} is that of one recording, received several: add --out FOLDER for a file each, or "
            "write csv"
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
        format: a name of `formats.NAMES`.
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
    head, show = formats.load(format).lines(stream or sys.stdout, several)
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
            head, show = formats.load(format).lines(stream, False)
            results.add(result, head + show(result))
            written += 1
    except KeyboardInterrupt as stop:
        raise Stopped(
            f"stopped; {results.folder} holds the results of {written} more files: the same command goes on there"
        ) from stop
    return failed
