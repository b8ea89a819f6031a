"""Choose from which score of a step, and after which running median, every class is heard: by event-based F1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audiotag.evaluation import event_scores
from audiotag.evaluation.step_scores import frame_scores, judged
from audiotag.records import Data
from audiotag.tagging.event_decoding import EventDecoding, smoothed
from audiotag.tagging.events import THRESHOLD

if TYPE_CHECKING:
    import keras

SIZES = (1, 3, 5, 7, 9, 13, 19, 27)
"""Steps of the medians that are tried, those that last no longer than `LONGEST`."""
LONGEST = 1.5  # seconds
FEWEST = 5
"""A class of fewer events keeps the usual threshold and no median: so few would be learnt by heart."""


@dataclass(frozen=True)
class TunedEvents:
    """What was chosen.

    Args:
        decoding: of the tagger, its medians in the time of the recordings.
        F1: event-based F1 of each class with it, (classes,), on the clips it was chosen on; NaN without events.
        usual_F1: the same with the usual threshold and no median.
        undecided: indices of the classes of too few events.
    """

    decoding: EventDecoding
    F1: np.ndarray
    usual_F1: np.ndarray
    undecided: tuple[int, ...]


def choose(network: keras.Model, data: Data, split: str, fitted_on: str = "") -> TunedEvents:
    """The threshold and the median of every class that give the largest event-based F1.

    For every length of the median the best threshold is found over all there are (arXiv 2201.13148); of equal ones the
    shorter median is taken.

    Args:
        network: log-mel to logits, one that keeps time.
        data: an open data set.
        split: expression of splits, with strong labels.
        fitted_on: what these clips are, as `calibrating.source` says it.

    Raises:
        AudiotagError: no event in any clip, a network that keeps no time, or `sed_scores_eval` is missing.
    """
    package, truth = event_scores.scorer(), judged(data, split)
    found = frame_scores(network, data, split)
    scores = {clip_id: found[clip_id] for clip_id in truth}
    seconds = {clip_id: float(steps.ends[-1]) for clip_id, steps in scores.items()}
    counts, events = event_scores.found_in(truth, seconds, len(data.labels))
    present, distance = np.flatnonzero(counts).tolist(), event_scores.step_of(scores)
    options = event_scores.collars_of_events()
    best = np.full(len(counts), np.nan)
    thresholds, medians = np.full(len(counts), THRESHOLD), np.zeros(len(counts))
    for size in (size for size in SIZES if size == 1 or size * distance <= LONGEST):
        medians_of_all = {
            clip_id: replace(steps, scores=smoothed(steps.scores, size * distance, distance))
            for clip_id, steps in scores.items()
        }
        tables = event_scores.tables(medians_of_all, present)
        F1, _, _, limits, _ = package.collar_based.best_fscore(tables, events, **options)
        if size == 1:
            usual = event_scores.judge(truth, scores, data.labels).classes["event_F1"].to_numpy(float)
            best = np.where(counts >= FEWEST, -1.0, usual)
        for index in present:
            value, limit = float(F1[str(index)]), float(limits[str(index)])
            if counts[index] >= FEWEST and value > best[index] and math.isfinite(limit):
                best[index], thresholds[index] = value, min(max(limit, 0.0), 1.0)
                medians[index] = 0.0 if size == 1 else size * distance * (data.speed or 1.0)
    decoding = EventDecoding(tuple(thresholds.tolist()), tuple(medians.tolist()), fitted_on)
    undecided = tuple(np.flatnonzero((counts < FEWEST) | (best < 0)).tolist())
    return TunedEvents(decoding, np.where(best < 0, usual, best), usual, undecided)
