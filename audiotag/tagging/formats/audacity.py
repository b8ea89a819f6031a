"""A label track for Audacity: start, end and label, separated by tabs; of one recording."""

from __future__ import annotations

from typing import IO

from audiotag.tagging.files import FileTags
from audiotag.tagging.result_lines import Format, one_line

SUFFIX = ".txt"
ALONE = True


def lines(stream: IO[str], several: bool) -> Format:
    """What comes first, and what a result becomes; of a stream, and whether several files go into it."""

    def show(result: FileTags) -> str:
        return "".join(f"{tag.start:.6f}\t{tag.end:.6f}\t{one_line(tag.label)}\n" for tag in result.tags)

    return "", show
