"""How events follow from the scores of steps: every class with a threshold and a running median of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError


@dataclass(frozen=True)
class EventDecoding:
    """Threshold and running median of every class; chosen by `audiotag.evaluation.event_tuning.choose`.

    A sound that is short needs a short median, one that lasts is torn apart by it: systems of sound event detection
    therefore have one of its own for every class (EfficientSED, arXiv 2503.11373, among others).

    Args:
        thresholds: smallest score of a step that belongs to an event, (classes,), 0 to 1.
        smooth: length of the running median over the scores, seconds, (classes,), 0 for none.
        fitted_on: what they were chosen on, for people, as `Calibration.fitted_on`.

    Raises:
        AudiotagError: values out of range, or another number of thresholds than of medians.
    """

    thresholds: tuple[float, ...]
    smooth: tuple[float, ...]
    fitted_on: str = ""

    def __post_init__(self) -> None:
        if not self.thresholds or len(self.thresholds) != len(self.smooth):
            raise AudiotagError(
                "events are decoded with one threshold and one median a class, received "
                f"{len(self.thresholds)} and {len(self.smooth)}"
            )
        for threshold, seconds in zip(self.thresholds, self.smooth, strict=True):
            if not (0 <= threshold <= 1 and 0 <= seconds < float("inf")):
                raise AudiotagError(
                    "events are decoded with thresholds from 0 to 1 and medians of 0 seconds or more, received "
                    f"{threshold} and {seconds}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Its fields as plain values, ready for JSON."""
        return {"thresholds": list(self.thresholds), "smooth": list(self.smooth), "fitted_on": self.fitted_on}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> EventDecoding:
        """The decoding that `to_dict` described; an unknown field is an error."""
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in fields if name not in known]:
            raise AudiotagError(f"a decoding of events has the fields {', '.join(known)}: unknown {', '.join(unknown)}")
        return cls(tuple(fields["thresholds"]), tuple(fields["smooth"]), fields.get("fitted_on", ""))


def sounding(scores: np.ndarray, begins: np.ndarray, ends: np.ndarray, before: np.ndarray | bool = False) -> np.ndarray:
    """In which steps sounds last: one begins with a score that reaches its threshold, and ends with one below a lower.

    Two thresholds keep whole what flickers about one of them (a Schmitt trigger).

    Args:
        scores: (steps, …).
        begins: smallest score with which a sound begins, (…).
        ends: smallest score with which it lasts, (…), at most `begins`.
        before: whether it lasts already before the first step, (…) bool.

    Returns:
        (steps, …), bool.
    """
    first = np.broadcast_to(np.asarray(before), (1, *scores.shape[1:]))
    loud = np.concatenate([first, scores >= begins])
    decided = np.concatenate([np.ones_like(first), (scores >= begins) | (scores < ends)])
    steps = np.arange(len(loud)).reshape(-1, *[1] * (scores.ndim - 1))
    latest = np.maximum.accumulate(np.where(decided, steps, 0), axis=0)
    return np.take_along_axis(loud, latest, axis=0)[1:]


def smoothed(scores: np.ndarray, seconds: float | Sequence[float], distance: float) -> np.ndarray:
    """The running median of every class over steps of time, by `scipy.ndimage.median_filter`.

    Args:
        scores: (steps, classes).
        seconds: length of the median, of all classes or of each, taken as the nearest odd number of steps; of less
            than two steps: none.
        distance: of two steps, seconds.

    Returns:
        (steps, classes); beyond either end the outermost score goes on.
    """
    from scipy.ndimage import median_filter

    widths = np.broadcast_to(np.asarray(seconds, np.float64), scores.shape[1:]) / distance
    sizes = 2 * np.round((widths - 1) / 2).astype(int) + 1
    result = scores.copy()
    for size in np.unique(sizes[sizes > 1]):
        result[:, sizes == size] = median_filter(scores[:, sizes == size], (size, 1), mode="nearest")
    return result
