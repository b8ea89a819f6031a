"""Average precision and ROC-AUC from one sort a class: of the clips as they are, or of many weightings of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_BLOCK = 1024  # resamples at a time: their running sums stay in the processor's nearest cache


@dataclass(frozen=True)
class Ranking:
    """The judged clips of one class, highest score first; clips of equal score form a group.

    Args:
        order: (judged,) indices of the clips.
        starts: (groups,) place in `order` of the first clip of each group that holds a positive.
        ends: (groups,) place after the last clip of each of these groups.
        positives: (positives,) indices of the positive clips, in the same order.
        positive_ends: (groups,) place in `positives` after the last one of each group.
    """

    order: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    positives: np.ndarray
    positive_ends: np.ndarray

    def average_precision(self) -> float:
        """Precision at the end of every group, weighted by the group's share of the positives; NaN without any."""
        if not len(self.positives):
            return np.nan
        gains = np.diff(self.positive_ends, prepend=0)
        return float(gains @ (self.positive_ends / self.ends) / len(self.positives))

    def area(self) -> float:
        """Share of pairs of a positive and a negative in the right order, equal scores counting half.

        NaN without positives or without negatives.
        """
        positives, negatives = len(self.positives), len(self.order) - len(self.positives)
        if not positives or not negatives:
            return np.nan
        gains = np.diff(self.positive_ends, prepend=0)
        # Negatives above a group counted twice and those in it once, so that all sums are of whole numbers.
        above = self.ends + self.starts - 2 * self.positive_ends + gains
        return 1.0 - int(gains @ above) / (2 * positives * negatives)


def rank(truth: np.ndarray, scores: np.ndarray, known: np.ndarray | None = None) -> Ranking:
    """Sort the clips by their score of one class.

    Args:
        truth: (clips,) bool.
        scores: (clips,) finite floats.
        known: (clips,) bool, False: nobody judged the clip, it is left out. None: all are judged.
    """
    judged = np.arange(len(truth)) if known is None else np.flatnonzero(known)
    order = judged[np.argsort(-scores[judged])]
    ranked = scores[order]
    edges = np.flatnonzero(ranked[1:] != ranked[:-1]) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(order)]])
    positive = truth[order]
    reached = np.concatenate([[0], positive.cumsum()])
    gained = reached[ends] > reached[starts]
    return Ranking(order, starts[gained], ends[gained], order[positive], reached[ends[gained]])


def rank_classes(truth: np.ndarray, scores: np.ndarray, known: np.ndarray) -> list[Ranking]:
    """The ranking of every class, of (clips, classes) arrays as `rank` takes their columns."""
    return [rank(*columns) for columns in zip(truth.T, scores.T, known.T, strict=True)]


def d_prime(area: np.ndarray) -> np.ndarray:
    """Distance of two unit normal distributions of that ROC-AUC: sqrt(2) times its normal quantile."""
    from scipy.special import ndtri

    return np.sqrt(2.0) * ndtri(area)


def weighted(ranking: Ranking, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and ROC-AUC of one class where every clip counts as often as its weight says.

    They equal those of the clips written down so often, equal scores included. The loop is compiled when first called,
    which takes seconds, and kept in numba's cache for the next process; it lets other threads run.

    Args:
        ranking: of the class.
        weights: (clips, resamples) whole numbers from 0, contiguous; the sum of a column stays below 2^31.

    Returns:
        Average precision (resamples,) float64, NaN without positives; ROC-AUC (resamples,) float64, NaN without
        positives or without negatives.
    """
    parts = (ranking.order, ranking.starts, ranking.ends, ranking.positives, ranking.positive_ends)
    precision, above, clips, positives = np.zeros((4, weights.shape[1]))
    _compiled()(*parts, weights, precision, above, clips, positives)
    with np.errstate(invalid="ignore"):
        return precision / positives, 1.0 - above / (2 * positives * (clips - positives))


@functools.cache
def _compiled() -> Callable[..., None]:
    import numba

    try:
        return numba.njit(nogil=True, cache=True)(_pass)
    except RuntimeError:  # there is no folder for numba's cache that can be written
        return numba.njit(nogil=True)(_pass)


def _pass(
    order: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    positives: np.ndarray,
    positive_ends: np.ndarray,
    weights: np.ndarray,
    precision: np.ndarray,
    above: np.ndarray,
    clips: np.ndarray,
    reached: np.ndarray,
) -> None:
    """One pass from the best clip to the last, for all resamples side by side.

    Fills, for every resample: `precision`, the sum over positives of the precision at their group; `above`, as in
    `Ranking.area`; `clips` and `reached`, how many clips and positives there are.
    """
    for left in range(0, weights.shape[1], _BLOCK):
        right = min(left + _BLOCK, weights.shape[1])
        passed = np.zeros(right - left, np.int32)
        before = np.zeros(right - left, np.int32)
        hits = np.zeros(right - left, np.int32)
        gain = np.zeros(right - left, np.int32)
        place = positive = 0
        for group in range(len(ends)):
            while place < starts[group]:
                passed += weights[order[place], left:right]
                place += 1
            before[:] = passed
            while place < ends[group]:
                passed += weights[order[place], left:right]
                place += 1
            gain[:] = 0
            while positive < positive_ends[group]:
                gain += weights[positives[positive], left:right]
                positive += 1
            for column in range(right - left):
                hits[column] += gain[column]
                count = float(gain[column])
                precision[left + column] += count * hits[column] / max(passed[column], 1)
                above[left + column] += count * (passed[column] + before[column] - 2 * hits[column] + gain[column])
        while place < len(order):
            passed += weights[order[place], left:right]
            place += 1
        clips[left:right] = passed
        reached[left:right] = hits
