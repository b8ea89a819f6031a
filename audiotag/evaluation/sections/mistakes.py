"""The worst mistakes: the most confident false alarms and misses, and what they sound and look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.records import clips

if TYPE_CHECKING:
    from pathlib import Path

    from audiotag.metrics.predictions import Predictions
    from audiotag.records import Data, Declaration

Kind = Literal["false alarm", "miss"]

_OF_ONE_CLASS = 2
_HEARD = 5  # best scored classes that are shown


@dataclass(frozen=True)
class Mistake:
    """A clip that was judged wrongly.

    Args:
        clip_id: the clip.
        kind: "false alarm" (the class is not in the clip) or "miss" (it is).
        index: which class.
        label: its name.
        score: what the class received.
        threshold: what the score was measured against: the class's threshold; where the task is multiclass, the score
            of the true class (false alarm) or of the class predicted in its stead (miss).
        truth: names of the classes in the clip.
        heard: the best scored classes with their scores, best first.
        waveform: (samples,) float32; None: not at hand.
        sample_rate: of the waveform, Hz; 0 without one.
        log_mel: (frames, mels) float32; None: not at hand.
    """

    clip_id: str
    kind: Kind
    index: int
    label: str
    score: float
    threshold: float
    truth: tuple[str, ...]
    heard: tuple[tuple[str, float], ...]
    waveform: np.ndarray | None = None
    sample_rate: int = 0
    log_mel: np.ndarray | None = None

    @property
    def margin(self) -> float:
        """How far the score is from the threshold, on the wrong side."""
        return abs(self.score - self.threshold)


@dataclass(frozen=True)
class _Candidates:
    """Every mistake of one kind, worst first: clips and classes by position, and what the scores are measured against.

    Of equal ones the first in the order of the predictions comes first.
    """

    kind: Kind
    clips: np.ndarray
    classes: np.ndarray
    thresholds: np.ndarray


def worst(predictions: Predictions, thresholds: np.ndarray | float = 0.5, count: int = 12) -> list[Mistake]:
    """The most confident mistakes, worst first; half of them false alarms and half misses where there are enough.

    At most two are of one class and one is of one recording, so that one bad class or recording does not fill the
    list. Where the task is multiclass, a wrong clip is one mistake: a false alarm of the class predicted.

    Args:
        predictions: truth and scores.
        thresholds: score from which a multilabel class is predicted, (classes,) or one for all.
        count: how many, at most.

    Returns:
        Mistakes, those furthest from their threshold first.
    """
    alarms, misses = _candidates(predictions, thresholds)
    kinds = [alarms] if predictions.task == "multiclass" else [alarms, misses]
    streams = [_picked(predictions, one) for one in kinds]
    chosen: list[Mistake] = []
    classes: Counter[int] = Counter()
    recordings: set[str] = set()
    position = {clip_id: row for row, clip_id in enumerate(predictions.clip_ids.tolist())}
    groups = predictions.clip_ids if predictions.recordings is None else predictions.recordings
    while streams and len(chosen) < count:
        stream = streams.pop(0)
        for mistake in stream:
            recording = str(groups[position[mistake.clip_id]])
            if classes[mistake.index] < _OF_ONE_CLASS and recording not in recordings:
                chosen.append(mistake)
                classes[mistake.index] += 1
                recordings.add(recording)
                streams.append(stream)  # its turn comes again after the other kind's
                break
    return sorted(chosen, key=lambda mistake: -mistake.margin)


def worst_by_class(
    predictions: Predictions, thresholds: np.ndarray | float = 0.5, count: int = 3
) -> dict[int, list[Mistake]]:
    """The most confident false alarms and misses of every class, at most `count` of each, worst first.

    Args:
        predictions: truth and scores.
        thresholds: as for `worst`.
        count: how many of each kind.

    Returns:
        Class index to mistakes, false alarms first; classes without mistakes are left out.
    """
    found: dict[int, list[Mistake]] = {}
    for candidates in _candidates(predictions, thresholds):
        by_class = np.argsort(candidates.classes, kind="stable")  # in each class still the worst first
        classes = candidates.classes[by_class]
        rank = np.arange(len(classes)) - np.searchsorted(classes, classes)
        keep = by_class[rank < count]
        parts = (part[keep] for part in (candidates.clips, candidates.classes, candidates.thresholds))
        for mistake in _picked(predictions, _Candidates(candidates.kind, *parts)):
            found.setdefault(mistake.index, []).append(mistake)
    return dict(sorted(found.items()))


def _candidates(predictions: Predictions, thresholds: np.ndarray | float) -> tuple[_Candidates, _Candidates]:
    """Every false alarm and every miss."""
    scores, truth = predictions.scores, predictions.targets.astype(bool)
    if predictions.task == "multiclass":
        rows, predicted, right = np.arange(len(scores)), scores.argmax(axis=1), truth.argmax(axis=1)
        wrong = predicted != right
        of_predicted, of_right = scores[rows, predicted][wrong], scores[rows, right][wrong]
        order = np.argsort(of_right - of_predicted, kind="stable")
        rows = rows[wrong][order]
        return (
            _Candidates("false alarm", rows, predicted[rows], of_right[order]),
            _Candidates("miss", rows, right[rows], of_predicted[order]),
        )
    limits = np.broadcast_to(np.asarray(thresholds, np.float64), scores.shape[1:])
    known = np.ones_like(truth) if predictions.known is None else predictions.known
    found = []
    for kind, wrong in (("false alarm", ~truth & (scores >= limits)), ("miss", truth & (scores < limits))):
        rows, classes = np.nonzero(wrong & known)
        order = np.argsort(-np.abs(scores[rows, classes] - limits[classes]), kind="stable")
        found.append(_Candidates(kind, rows[order], classes[order], limits[classes[order]]))
    return found[0], found[1]


def _picked(predictions: Predictions, candidates: _Candidates) -> Iterator[Mistake]:
    """Candidates as mistakes, one after another."""
    names = predictions.labels.names
    for row, index, threshold in zip(candidates.clips, candidates.classes, candidates.thresholds, strict=True):
        scores = predictions.scores[row]
        best = np.argsort(-scores, kind="stable")[:_HEARD]
        yield Mistake(
            clip_id=str(predictions.clip_ids[row]),
            kind=candidates.kind,
            index=int(index),
            label=names[index],
            score=float(scores[index]),
            threshold=float(threshold),
            truth=tuple(names[held] for held in np.flatnonzero(predictions.targets[row])),
            heard=tuple((names[one], float(scores[one])) for one in best),
        )


def illustrate(mistakes: Iterable[Mistake], data: Data, source: Declaration | Path | None = None) -> list[Mistake]:
    """Mistakes with the log-mel of their untouched records and, where it is at hand, their sound.

    Args:
        mistakes: in any order, which is kept.
        data: the data set that they are of.
        source: root folder of the recordings, or the declaration, for the sound where the records keep none; what
            cannot be read stays without sound.

    Raises:
        AudiotagError: a clip that the data set does not have, or a damaged shard.
    """
    mistakes = list(mistakes)
    found = {one.clip_id: one for one in clips.stored(data, [mistake.clip_id for mistake in mistakes])}
    rate = data.front_end.sample_rate
    read = None if source is None else clips.recorded(data, source, rate)
    shown = []
    for mistake in mistakes:
        record = found[mistake.clip_id]
        waveform = record.waveform
        if waveform is None and read is not None:
            try:
                waveform = read(mistake.clip_id)
            except AudiotagError:
                waveform = None
        shown.append(
            replace(
                mistake,
                waveform=waveform,
                sample_rate=0 if waveform is None else rate,
                log_mel=record.log_mel[..., 0],
            )
        )
    return shown
