"""Bootstrap: how far every figure would move had other clips, or other recordings, been drawn for the evaluation."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.metrics import per_class, ranking
from audiotag.metrics.predictions import Predictions
from audiotag.startup import processors

METRICS = ("AP", "AUC", "lwlrap", "F1", "precision", "recall", "accuracy", "Brier")
"""Metrics of a class that are computed in every resample."""

_LEAST_UNITS = 5  # of 4 there are 35 different resamples: no tail of 2.5 %
_CLASSES, _RESAMPLES = 32, 128  # at a time; fixed, so that sums round alike whatever the number of threads

Unit = Literal["recording", "clip"]


@dataclass(frozen=True)
class Units:
    """What is drawn, and how much there is of it.

    Args:
        name: "clip" or "recording".
        of_clip: (clips,) int64, index of each clip's unit.
        count: number of units.
    """

    name: Unit
    of_clip: np.ndarray
    count: int

    @property
    def reason(self) -> str:
        """Why so few give no interval; "" where they do."""
        if self.count >= _LEAST_UNITS:
            return ""
        return f"{self.count} {self.name}{'s' * (self.count != 1)}: intervals need at least {_LEAST_UNITS} to draw from"

    def draws(self, resamples: int, seed: int) -> np.ndarray:
        """How often each unit is drawn in each resample: (resamples, units) uint8; every row sums to `units`."""
        random = np.random.default_rng(seed)
        counts = np.empty((resamples, self.count), np.uint8)  # 256 times is one of 10^507 resamples
        for row in counts:
            row[:] = np.bincount(random.integers(self.count, size=self.count), minlength=self.count)
        return counts

    def weights(self, counts: np.ndarray) -> np.ndarray:
        """How often each clip counts in each resample, (clips, resamples), from how often its unit is drawn."""
        return np.ascontiguousarray(counts.T)[self.of_clip]


@dataclass(frozen=True)
class Resamples:
    """The metrics in every resample.

    Args:
        classes: name of `METRICS` to (resamples, classes) float64; NaN where the metric is not defined.
        means: name as in `metrics.summary` to (resamples,) float64: means over the classes defined in the resample.
    """

    classes: dict[str, np.ndarray]
    means: dict[str, np.ndarray]


@dataclass(frozen=True)
class Drawn:
    """What was drawn, and how often.

    Args:
        level: share of the resamples that lie inside an interval.
        resamples: number of resamples.
        unit: "clip" or "recording": what was drawn.
        units: number of them.
        reason: why all intervals are NaN, and nothing is decided; "" where they are not.
    """

    level: float
    resamples: int
    unit: str
    units: int
    reason: str


@dataclass(frozen=True)
class Intervals(Drawn):
    """Percentile intervals of the metrics (Efron and Tibshirani 1993, chapter 13).

    Resamples in which a metric of a class is not defined, those without a positive above all, are left out of its
    interval. An interval of fewer than about five positives is rough: such clips are too few to stand for others.

    Args:
        classes: a row a class, index its index; `<metric>_low` and `<metric>_high` of the metrics of `METRICS` and of
            d_prime; `resamples`, the number in which the class had a positive.
        means: name as in `metrics.summary` to (low, high).
    """

    classes: pandas.DataFrame
    means: dict[str, tuple[float, float]]


def bootstrap(
    predictions: Predictions, unit: Unit = "recording", *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Intervals:
    """Intervals of every class's metrics and of their means.

    Every resample draws as many clips, or recordings, as there are, with replacement; a clip counts as often as its
    recording was drawn, since clips of one recording sound alike. The figures of a resample are exactly those of the
    drawn clips, equal scores included. ECE, micro_AP, micro_AUC and top-k accuracy have no interval; that of d_prime is
    the interval of AUC, transformed. The same seed gives the same intervals on any number of threads.

    Args:
        predictions: truth and scores.
        unit: what is drawn, see `units_of`.
        resamples: how many.
        level: share of the resamples inside an interval, above 0 and below 1.
        seed: of the draws.

    Returns:
        The intervals; all NaN, with a reason, where fewer than 5 clips or recordings can be drawn.

    Raises:
        AudiotagError: another unit; resamples or level out of range.
    """
    check_options(resamples, level)
    units = units_of(predictions, unit)
    drawn = resample(predictions, units.weights(units.draws(resamples, seed)))
    defined = np.isfinite(drawn.classes["AP"]).sum(axis=0)
    classes, means = (
        {name: percentiles(values, level, units.reason) for name, values in part.items() if name != "d_prime"}
        for part in (drawn.classes, drawn.means)
    )
    for ends in (classes, means):
        ends["d_prime"] = ranking.d_prime(ends["AUC"])
    means = {name: (float(low), float(high)) for name, (low, high) in means.items()}
    return Intervals(level, resamples, units.name, units.count, units.reason, _table(classes, defined), means)


def check_options(resamples: int, level: float) -> None:
    """Refuse a number of resamples or a level of which there is no interval."""
    if resamples < 1:
        raise AudiotagError(f"at least one resample is needed, received {resamples}: 1000 is usual")
    if not 0 < level < 1:
        raise AudiotagError(f"the level of an interval lies between 0 and 1, received {level}: 0.95 is usual")


def check_unit(unit: str) -> None:
    """Refuse what cannot be drawn."""
    if unit not in get_args(Unit):
        raise AudiotagError(f"a bootstrap draws by recording or by clip, received {unit!r}: choose one of them")


def units_of(predictions: Predictions, unit: Unit) -> Units:
    """What is drawn.

    Args:
        predictions: of the clips.
        unit: "clip", or "recording": the recordings, where they are known and some hold several clips; else the clips.
    """
    check_unit(unit)
    clips, recordings = len(predictions.clip_ids), predictions.recordings
    if unit == "recording" and recordings is not None:
        names, of_clip = np.unique(recordings, return_inverse=True)
        if len(names) < clips:
            return Units("recording", of_clip, len(names))
    return Units("clip", np.arange(clips), clips)


def resample(predictions: Predictions, weights: np.ndarray) -> Resamples:
    """The metrics in every resample.

    Args:
        predictions: truth and scores.
        weights: (clips, resamples), how often each clip counts: whole numbers from 0.
    """
    from threadpoolctl import threadpool_limits

    truth, scores, judged = predictions.targets.astype(bool), predictions.scores, predictions.judged
    predicted, precisions = per_class.decide(predictions), per_class.label_precisions(predictions)

    def measure(block: slice) -> list[np.ndarray]:
        """Positives, predicted, hits and judged; sums of squared errors and of label precisions; AP and AUC."""
        own, guessed, asked = truth[:, block], predicted[:, block], judged[:, block]
        error = np.where(asked, np.square(scores[:, block] - own), 0.0)
        counts = _sums(weights, np.hstack([own, guessed, own & guessed, asked]).astype(np.float32))
        sums = _sums(weights, np.hstack([error, precisions[:, block]]))
        ranked = [ranking.weighted(each, weights) for each in ranking.rank_classes(own, scores[:, block], asked)]
        return [*np.split(counts, 4, axis=1), *np.split(sums, 2, axis=1), *np.transpose(ranked, (1, 2, 0))]

    classes = truth.shape[1]
    blocks = [slice(first, min(first + _CLASSES, classes)) for first in range(0, classes, _CLASSES)]
    title = f"Bootstrap, {weights.shape[1]} resamples"
    # One thread a product, as many products as processors: BLAS rounds by its own number of threads.
    with (
        threadpool_limits(1, "blas"),
        ThreadPoolExecutor(processors()) as pool,
        progress.bar(title, classes, "classes", transient=True) as advance,
    ):
        parts = []
        for block, part in zip(blocks, pool.map(measure, blocks), strict=True):
            parts.append(part)
            advance(block.stop - block.start)
    joined = [np.concatenate(part, axis=1, dtype=np.float64) for part in zip(*parts, strict=True)]
    *counts, error, precision_sums, average_precision, area = joined
    positives, _, _, in_all = counts
    with np.errstate(invalid="ignore"):
        metrics = {
            "AP": average_precision,
            "AUC": area,
            "lwlrap": precision_sums / positives,
            **per_class.of_decisions(*counts),
            "Brier": error / in_all,
        }
    clips = weights.sum(axis=0, dtype=np.int64) if predictions.task.exclusive else None
    return Resamples(metrics, per_class.means(metrics, counts, clips))


def _sums(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Weighted sums of columns (clips, columns) in every resample: (resamples, columns) of the columns' type."""
    sums = np.empty((weights.shape[1], columns.shape[1]), columns.dtype)
    for first in range(0, len(sums), _RESAMPLES):
        block = slice(first, first + _RESAMPLES)
        sums[block] = weights[:, block].astype(columns.dtype).T @ columns
    return sums


def percentiles(values: np.ndarray, level: float, reason: str = "") -> np.ndarray:
    """Ends of the interval over resamples, NaN among them left out: (resamples, …) -> (2, …).

    All NaN where there is a reason against intervals, or nothing is defined.
    """
    if reason:
        return np.full((2, *values.shape[1:]), np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        return np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)


def _table(ends: dict[str, np.ndarray], defined: np.ndarray) -> pandas.DataFrame:
    """A row a class, columns `<metric>_low` and `<metric>_high` in the order of `metrics.METRICS`, `resamples`."""
    ordered = [name for name in per_class.METRICS if name in ends]
    columns = {f"{name}_{end}": ends[name][which] for name in ordered for which, end in enumerate(("low", "high"))}
    return pandas.DataFrame({**columns, "resamples": defined}).rename_axis("index")
