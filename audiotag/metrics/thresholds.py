"""From which score a class counts as found: the threshold of every class that serves an aim best."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.metrics.predictions import DEFAULT_THRESHOLD, Predictions

AIMS = "f1, f0.5 or f2, precision=0.9, false-alarms=1"

_ROUNDING = 1e-9
NEVER = 1.0
"""Threshold of a class that cannot reach the aim: no score below 1 is enough."""


@dataclass(frozen=True)
class Aim:
    """What thresholds are chosen for.

    Args:
        kind: "f" (largest F-beta), "precision" (at least `value`, with the largest recall) or "false-alarms" (at most
            `value` an hour of noise, with the largest recall).
        value: beta, precision or false alarms an hour.
    """

    kind: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Aim:
        """The aim that a text names: "f1", "f0.5", "f2", "precision=0.9", "false-alarms=1".

        Raises:
            AudiotagError: another text, or a number out of range.
        """
        number = r"(\d+(?:\.\d*)?|\.\d+)"
        match = re.fullmatch(rf"(f){number}|(precision|false-alarms)={number}", text.strip().lower())
        if not match:
            raise AudiotagError(f"thresholds are chosen for {AIMS}, received {text!r}: name one of these")
        kind, value = match[1] or match[3], float(match[2] or match[4])
        if kind == "precision" and not 0 < value <= 1:
            share = f"precision={value / 100:g}" if 1 < value <= 100 else "precision=0.9"
            raise AudiotagError(f"a precision lies above 0 and at most at 1, received {text!r}: write {share}")
        if kind == "f" and value == 0:
            raise AudiotagError(f"the beta of F must be positive, received {text!r}: write f1")
        return cls(kind, value)

    def __str__(self) -> str:
        texts = {"f": "best F{:g}", "precision": "precision of at least {:g}"}
        return texts.get(self.kind, "at most {:g} false alarms an hour of noise").format(self.value)


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of all classes.

    Args:
        aim: what they were chosen for, for people: "best F1".
        values: (classes,) float64, above 0 and at most 1.
        reached: (classes,) float64, what the aim measures at the threshold: F-beta, precision, or false alarms an hour;
            NaN where it is not reached.
        precision: (classes,) float64, on the clips that they were chosen on; NaN for a class never found there.
        recall: (classes,) float64; NaN for a class without positives there.
        undecided: indices of the classes that keep 0.5, since nothing there decides.
        unreached: indices of the classes that cannot reach the aim; their threshold is 1, the largest score there is.
    """

    aim: str
    values: np.ndarray
    reached: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    undecided: tuple[int, ...]
    unreached: tuple[int, ...]


def choose(
    predictions: Predictions,
    aim: str,
    noise_scores: np.ndarray | None = None,
    noise_hours: float | None = None,
) -> Thresholds:
    """The best threshold of every class, among all that there are.

    A threshold lies midway between two neighbouring scores, so that a small numeric difference turns no decision. Of
    equally good ones, the highest is taken for F-beta. Each class is judged by itself, one against the rest, whatever
    the task; multiclass evaluation decides by the highest score, and a tagger shows what reaches its threshold.

    F-beta: a class without positives, or whose positives all score 0, keeps 0.5. Precision and false alarms:
    the lowest threshold that reaches the aim; a class that cannot reach it gets 1, and is named. False alarms are those
    windows of noise that reach the threshold: of few hours of noise, a rate below one in these hours means none.

    Args:
        predictions: truth and scores, calibrated where the tagger's are; pairs that nobody judged are left out.
        aim: "f1", "f0.5", "f2", "precision=0.9" or "false-alarms=1", see `Aim`.
        noise_scores: (windows, classes), scores of sounds in which no class sounds; for false alarms.
        noise_hours: how long those are together, hours.

    Raises:
        AudiotagError: an unknown aim, or false alarms without noise.
    """
    wanted = Aim.parse(aim)
    if wanted.kind == "false-alarms" and (noise_scores is None or not noise_hours):
        raise AudiotagError("false alarms are counted on noise, received none: give noise_scores and noise_hours")
    values = np.full(len(predictions.labels), DEFAULT_THRESHOLD)
    reached, precision, recall = (np.full(len(values), np.nan) for _ in range(3))
    undecided, unreached = [], []
    for index in range(len(values)):
        truth, scores = predictions.of_class(index)
        if wanted.kind == "false-alarms":
            chosen = _quiet(scores, noise_scores[:, index].astype(np.float64), noise_hours, wanted.value)
        else:
            chosen = _best(scores, truth, wanted)
        if chosen is not None:
            values[index], reached[index] = chosen
        elif wanted.kind == "f":
            undecided.append(index)
        else:
            values[index] = NEVER
            unreached.append(index)
        hits = scores >= values[index]
        precision[index] = truth[hits].mean() if hits.any() else np.nan
        recall[index] = hits[truth].mean() if truth.any() else np.nan
    return Thresholds(str(wanted), values, reached, precision, recall, tuple(undecided), tuple(unreached))


def _best(scores: np.ndarray, truth: np.ndarray, aim: Aim) -> tuple[float, float] | None:
    """Threshold and what it reaches; None: it cannot be reached."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits, ranks = np.cumsum(truth[order]), np.arange(1, len(ranked) + 1)
    below = np.append(ranked[1:], 0.0)
    # Clips of one score are found together, and no threshold finds those of score 0.
    cuts = (ranked > below) & (hits > 0)
    if not cuts.any():
        return None
    if aim.kind == "f":
        weight = aim.value**2
        measure = (1 + weight) * hits / (weight * truth.sum() + ranks)
        chosen = int(np.where(cuts, measure, -1.0).argmax())
    else:
        measure = hits / ranks
        good = np.flatnonzero(cuts & (measure >= aim.value - _ROUNDING))
        if not len(good):
            return None
        chosen = int(good[-1])
    return _midway(below[chosen], ranked[chosen]), float(measure[chosen])


def _quiet(scores: np.ndarray, noise: np.ndarray, hours: float, rate: float) -> tuple[float, float] | None:
    """The lowest threshold with so few false alarms, and their rate; None: noise scores 1 too often."""
    allowed = int(rate * hours + _ROUNDING)
    loudest = np.sort(noise)[-allowed - 1] if allowed < len(noise) else 0.0
    if loudest >= NEVER:
        return None
    every = np.concatenate([scores, noise, [NEVER]])
    threshold = _midway(loudest, every[every > loudest].min())
    return threshold, float((noise >= threshold).sum() / hours)


def _midway(below: float, above: float) -> float:
    """The middle of two scores, or the upper where nothing lies between."""
    middle = below + (above - below) / 2
    return float(middle if below < middle else above)
