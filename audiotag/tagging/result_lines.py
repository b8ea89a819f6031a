"""What formats of results share: the columns, the moment of a tag, a label within a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from audiotag.tagging.files import FileTags
from audiotag.tagging.tags import Tag

COLUMNS = ("file", "start", "end", "label", "score", "time")

Format = tuple[str, Callable[[FileTags], str]]
"""What comes first, and what a result becomes."""


def time_of(result: FileTags, tag: Tag) -> str | None:
    """When a tag begins, ISO 8601 to the millisecond; None where nobody says when its recording began."""
    if result.recorded is None:
        return None
    return (result.recorded + timedelta(seconds=round(tag.start, 3))).isoformat(timespec="milliseconds")


def one_line(label: str) -> str:
    """The label without tabs and line ends, which would end its field."""
    return " ".join(label.split())
