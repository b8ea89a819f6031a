"""One mark in a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Annotation:
    """A stretch of a recording, or a point in it, and what sounds there.

    Args:
        onset: seconds from the recording's beginning.
        offset: likewise; that of a point is its onset.
        label: the class; "" where nobody has named it.
        recording: the recording as the file names it; "": the one that the file belongs to.
        place: where it stands, for messages: "site1.txt line 3".
        cells: further cells of its row that were asked for, by column.
        nothing: it says that somebody has looked at the recording and marked nothing; its times do not matter.
    """

    onset: float
    offset: float
    label: str
    recording: str = ""
    place: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    nothing: bool = False
