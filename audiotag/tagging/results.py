"""What tagging gives back: a label with its score and time, and all of them for one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tag:
    """One label of one window, or one event.

    Args:
        label: class name.
        score: the tagger's score, 0 to 1; of an event the largest of its steps.
        start: beginning of the window or event, seconds.
        end: end of the window or event, or of the signal if that comes first, seconds.
    """

    label: str
    score: float
    start: float
    end: float


@dataclass(frozen=True)
class FileTags:
    """The tags of one file, or why there are none.

    Args:
        path: the file.
        tags: window by window, best first in each; or events in the order of their beginning.
        reason: why the file could not be tagged; "" where it was.
    """

    path: Path
    tags: tuple[Tag, ...] = ()
    reason: str = ""
