"""What is heard, on the terminal: level, the best labels as bars, and events."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from audiotag.labels import Labels
from audiotag.listening.events import Event
from audiotag.listening.listening import Account, Heard

BAR = 24  # characters
SHOWN = 8  # events that ended
LOWEST = -60.0  # dB, where the level's bar is empty
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(share: float, width: int = BAR) -> str:
    """A bar of `width` characters, filled to a share of 0 to 1, in steps of an eighth of a character."""
    eighths = round(min(max(share, 0.0), 1.0) * 8 * width)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)


class Screen:
    """A view that is drawn anew with every window.

    Args:
        name: of the source.
        labels: of the model.
        thresholds: from which a label counts as found, (classes,).
        top: labels that are shown.
        among: labels that may be, (classes,) bool.
    """

    def __init__(self, name: str, labels: Labels, thresholds: np.ndarray, top: int, among: np.ndarray) -> None:
        self._name, self._labels, self._thresholds, self._top, self._among = name, labels, thresholds, top, among
        self._over: deque[Event] = deque(maxlen=SHOWN)

    def draw(self, heard: Heard, sounding: Sequence[Event], account: Account) -> RenderableType:
        """The view of a moment."""
        self._over.extend(heard.ended)
        level = "silence: nothing but zeros comes" if heard.silent else f"{heard.level:6.1f} dB"
        head = Text.assemble(
            (f"{self._name}  ", "bold"),
            (bar(1 - heard.level / LOWEST), "green"),
            f" {level}  {clock(heard.scores.end)}  latency {1000 * heard.latency:.0f} ms",
            (f"  gaps {account.gaps}, {account.lost:.1f} s lost" if account.gaps else "", "yellow"),
        )
        labels = Table.grid(padding=(0, 1))
        scores = np.where(self._among, heard.scores.scores, -1.0)
        for index in np.argsort(-scores, kind="stable")[: self._top].tolist():
            score = float(heard.scores.scores[index])
            style = "bold" if score >= self._thresholds[index] else "dim"
            labels.add_row(Text(self._labels.names[index], style), Text(bar(score), "cyan"), f"{score:.2f}")
        events = Table.grid(padding=(0, 1))
        for event in (*self._over, *sounding):
            events.add_row(
                Text(clock(event.start)),
                Text("…" if event.end is None else clock(event.end)),
                Text(event.label, "bold" if event.end is None else "dim"),
                f"{event.score:.2f}",
            )
        return Group(head, Text(), labels, Text(), events)


def clock(seconds: float) -> str:
    """`0:00:03.2`."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def line(event: Event) -> str:
    """An event that begins or has ended, for a terminal without a view or a file."""
    what = "begins" if event.end is None else f"ends, from {clock(event.start)}"
    return f"{clock(event.start if event.end is None else event.end)}  {event.label}  {event.score:.2f}  {what}"
