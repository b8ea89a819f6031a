"""Sounds that begin and end in the scores of windows that follow one another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from audiotag.labels import Labels
from audiotag.tagging.event_decoding import sounding
from audiotag.tagging.streaming import StreamScores

STAYS = 0.7
"""A sound lasts while its score is at least this share of the score at which it began: scores flicker."""


@dataclass(frozen=True)
class Event:
    """A sound that is heard, or was.

    Args:
        label: class name.
        start: seconds since listening began: the end of the window before the first one that heard it, or 0.
        end: end of the last window that heard it, seconds; None: it has not ended.
        score: the largest of its scores.
    """

    label: str
    start: float
    end: float | None
    score: float


@dataclass
class Events:
    """Follows the scores of every label.

    Args:
        labels: of the model.
        thresholds: score from which a sound begins, (classes,).
        ends: score below which it ends, (classes,), at most that. None: `STAYS` of it.
    """

    labels: Labels
    thresholds: np.ndarray
    ends: np.ndarray | None = None
    _open: dict[int, Event] = field(default_factory=dict)
    _last: float = 0.0  # end of the window before

    @property
    def open(self) -> list[Event]:
        """What is heard now, in the order of its beginning."""
        return list(self._open.values())

    def take(self, heard: StreamScores) -> tuple[list[Event], list[Event]]:
        """The events that begin and those that end with a window."""
        begun, ended = [], []
        ends = STAYS * self.thresholds if self.ends is None else self.ends
        before = np.isin(np.arange(len(self.labels)), list(self._open))
        now = sounding(heard.scores[None], self.thresholds, ends, before)[0]
        for index, event in list(self._open.items()):
            if now[index]:
                self._open[index] = replace(event, score=max(event.score, float(heard.scores[index])))
            else:
                ended.append(replace(self._open.pop(index), end=self._last))
        for index in np.flatnonzero(now).tolist():
            if index not in self._open:
                start = max(self._last, heard.start)
                self._open[index] = Event(self.labels.names[index], start, None, float(heard.scores[index]))
                begun.append(self._open[index])
        self._last = heard.end
        return begun, ended

    def close(self) -> list[Event]:
        """End what is still heard, as where sound is missing."""
        ended = [replace(event, end=self._last) for event in self._open.values()]
        self._open.clear()
        return ended
