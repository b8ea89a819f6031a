"""The worst mistakes: the most confident false alarms and misses, and what they sound and look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.illustrating import illustrated, truth_and_best
from audiotag.metrics.predictions import Predictions
from audiotag.report.formats import figure
from audiotag.report.section import Exhibit, Section

Kind = Literal["false alarm", "miss"]

_SHOWN = 12
_OF_ONE_CLASS = 2


@dataclass(frozen=True)
class Mistake:
    """A clip that was decided wrongly.

    Args:
        clip_id: the clip.
        kind: "false alarm" (the class is not in the clip) or "miss" (it is).
        index: which class.
        label: its name.
        score: what the class received.
        threshold: what the score was measured against: the class's threshold; where the task is multiclass, the score
            of the true class.
        truth: names of the classes in the clip.
        heard: the best scored classes with their scores, best first; a key of `metrics.json`.
    """

    clip_id: str
    kind: Kind
    index: int
    label: str
    score: float
    threshold: float
    truth: tuple[str, ...]
    heard: tuple[tuple[str, float], ...]

    @property
    def margin(self) -> float:
        """How far the score is from the threshold, on the wrong side."""
        return abs(self.score - self.threshold)

    def exhibit(self, limit: str) -> Exhibit:
        """The clip to look at and to listen to; `limit`: what the threshold is, in words."""
        truth = ", ".join(self.truth) or "none of the classes"
        text = f"Scored {figure(self.score)}, {limit} {figure(self.threshold)}. Truth: {truth}."
        return Exhibit(self.clip_id, self.kind, self.label, text, self.heard)


def measure(evaluation: Evaluation) -> Section:
    """The worst mistakes, with players."""
    predictions = evaluation.predictions
    listed = worst(predictions, _SHOWN)
    limit = "the true class" if predictions.task.exclusive else "threshold"
    return Section(
        "Worst mistakes",
        how="The false alarms of highest score and the misses of lowest score. Listen: the label may be what is wrong.",
        exhibits=illustrated(evaluation, [mistake.exhibit(limit) for mistake in listed]),
        values={"mistakes": [asdict(mistake) for mistake in listed]},
    )


def worst(predictions: Predictions, count: int) -> list[Mistake]:
    """The most confident mistakes, worst first; half of them false alarms and half misses where there are enough.

    At most two are of one class and one is of one recording, so that one bad class or recording does not fill the
    list. Where the task is multiclass, a wrong clip is one mistake: a false alarm of the class predicted.

    Args:
        predictions: truth, scores and thresholds.
        count: how many, at most.

    Returns:
        Mistakes, those furthest from their threshold first.
    """
    if predictions.task.exclusive:
        streams = [_confusions(predictions)]
    else:
        streams = [_wrong(predictions, kind) for kind in ("false alarm", "miss")]
    chosen: list[Mistake] = []
    classes: Counter[int] = Counter()
    recordings: set[str] = set()
    groups = predictions.clip_ids if predictions.recordings is None else predictions.recordings
    while streams and len(chosen) < count:
        stream = streams.pop(0)
        for row, mistake in stream:
            recording = str(groups[row])
            if classes[mistake.index] < _OF_ONE_CLASS and recording not in recordings:
                chosen.append(mistake)
                classes[mistake.index] += 1
                recordings.add(recording)
                streams.append(stream)  # its turn comes again after the other kind's
                break
    return sorted(chosen, key=lambda mistake: -mistake.margin)


def _confusions(predictions: Predictions) -> Iterator[tuple[int, Mistake]]:
    """Rows and mistakes of a multiclass model, the most confident first."""
    scores, rows = predictions.scores, np.arange(len(predictions.scores))
    predicted, right = scores.argmax(axis=1), predictions.targets.argmax(axis=1)
    lead = scores[rows, predicted] - scores[rows, right]
    for row in np.argsort(-lead, kind="stable"):
        if predicted[row] != right[row]:
            yield int(row), _mistake(predictions, "false alarm", row, predicted[row], scores[row, right[row]])


def _wrong(predictions: Predictions, kind: Kind) -> Iterator[tuple[int, Mistake]]:
    """Rows and mistakes of one kind of a multilabel model, the furthest from their thresholds first."""
    scores, truth = predictions.scores, predictions.targets.astype(bool)
    limits = predictions.limits
    wrong = truth & (scores < limits) if kind == "miss" else ~truth & (scores >= limits)
    rows, classes = np.nonzero(wrong & predictions.judged)
    for place in np.argsort(-np.abs(scores[rows, classes] - limits[classes]), kind="stable"):
        row, index = int(rows[place]), classes[place]
        yield row, _mistake(predictions, kind, row, index, limits[index])


def _mistake(predictions: Predictions, kind: Kind, row: int, index: int, threshold: float) -> Mistake:
    clip_id, label = str(predictions.clip_ids[row]), predictions.labels.names[index]
    score, shown = float(predictions.scores[row, index]), truth_and_best(predictions, row)
    return Mistake(clip_id, kind, int(index), label, score, float(threshold), *shown)
