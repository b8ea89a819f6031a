"""Bootstrap: how far every figure would move had other clips, or other recordings, been drawn for the evaluation."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.metrics import per_class, ranking

if TYPE_CHECKING:
    import pandas

    from audiotag.metrics.predictions import Predictions

METRICS = ("AP", "AUC", "lwlrap", "F1", "precision", "recall", "accuracy", "Brier")
"""Metrics of a class that are computed in every resample."""

_MACRO = {"mAP": "AP", "AUC": "AUC", "F1": "F1", "precision": "precision", "recall": "recall"}
_MACRO |= {"mean_accuracy": "accuracy", "Brier": "Brier"}
_WEIGHTED = ("AP", "AUC", "F1", "precision", "recall")
_LEAST_UNITS = 5  # of 4 there are 35 different resamples: no tail of 2.5 %
_CLASSES, _RESAMPLES = 32, 128  # at a time; fixed, so that sums round alike whatever the number of threads


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
class Intervals:
    """Percentile intervals of the metrics (Efron and Tibshirani 1993, chapter 13).

    Resamples in which a metric of a class is not defined, those without a positive above all, are left out of its
    interval. An interval of fewer than about five positives is rough: such clips are too few to stand for others.

    Args:
        classes: a row a class, index its index; `<metric>_low` and `<metric>_high` of the metrics of `METRICS` and of
            d_prime; `resamples`, the number in which the class had a positive.
        means: name as in `metrics.summary` to (low, high).
        level: share of the resamples that lie inside.
        resamples: number of resamples.
        unit: "clip" or "recording": what was drawn.
        units: number of them.
        reason: why all intervals are NaN; "" where they are not.
    """

    classes: pandas.DataFrame
    means: dict[str, tuple[float, float]]
    level: float
    resamples: int
    unit: str
    units: int
    reason: str = ""


def bootstrap(
    predictions: Predictions,
    groups: np.ndarray | None = None,
    *,
    thresholds: float | np.ndarray = 0.5,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """Intervals of every class's metrics and of their means.

    Every resample draws as many clips as there are, with replacement; with groups it draws recordings, and a clip
    counts as often as its recording was drawn, since clips of one recording sound alike. The figures of a resample are
    exactly those of the drawn clips, equal scores included. ECE, micro_AP, micro_AUC and top-k accuracy have no
    interval; that of d_prime is the interval of AUC, transformed. The same seed gives the same intervals on any number
    of threads.

    Args:
        predictions: truth and scores.
        groups: (clips,) str, the recording of each clip. None: every clip is drawn on its own.
        thresholds: score from which a class counts as found, one for all or (classes,); multilabel only.
        resamples: how many.
        level: share of the resamples inside an interval, above 0 and below 1.
        seed: of the draws.

    Returns:
        The intervals; all NaN, with a reason, where fewer than 5 clips or recordings can be drawn.

    Raises:
        AudiotagError: groups of another length than the clips; resamples or level out of range.
    """
    check_options(resamples, level)
    unit, units = units_of(groups, len(predictions.clip_ids))
    reason = too_few(units, groups)
    found = resample(predictions, weights_of(unit, draws(units, resamples, seed)), thresholds)
    defined = np.isfinite(found.classes["AP"]).sum(axis=0)
    classes = {name: percentiles(values, level, reason) for name, values in found.classes.items()}
    means = {name: percentiles(values, level, reason) for name, values in found.means.items() if name != "d_prime"}
    classes["d_prime"], means["d_prime"] = d_prime(classes["AUC"]), d_prime(means["AUC"])
    return Intervals(
        _table(classes, defined),
        {name: (float(low), float(high)) for name, (low, high) in means.items()},
        level,
        resamples,
        "clip" if groups is None else "recording",
        units,
        reason,
    )


def check_options(resamples: int, level: float) -> None:
    """Refuse a number of resamples or a level of which there is no interval."""
    if resamples < 1:
        raise AudiotagError(f"at least one resample is needed, received {resamples}: 1000 is usual")
    if not 0 < level < 1:
        raise AudiotagError(f"the level of an interval lies between 0 and 1, received {level}: 0.95 is usual")


def units_of(groups: np.ndarray | None, clips: int) -> tuple[np.ndarray, int]:
    """What is drawn: the index of each clip's unit (clips,), and the number of units."""
    if groups is None:
        return np.arange(clips), clips
    if np.shape(groups) != (clips,):
        raise AudiotagError(f"one recording a clip is needed, received {np.shape(groups)} for {clips} clips")
    names, unit = np.unique(groups, return_inverse=True)
    return unit, len(names)


def too_few(units: int, groups: np.ndarray | None) -> str:
    """Why so few units give no interval; "" where they do."""
    if units >= _LEAST_UNITS:
        return ""
    noun = "clip" if groups is None else "recording"
    return f"{units} {noun}{'s' * (units != 1)}: intervals need at least {_LEAST_UNITS} to draw from"


def draws(units: int, resamples: int, seed: int = 0) -> np.ndarray:
    """How often each unit is drawn in each resample: (resamples, units) uint8; every row sums to `units`."""
    random = np.random.default_rng(seed)
    counts = np.empty((resamples, units), np.uint8)  # a unit is drawn 256 times in one of 10^507 resamples
    for row in counts:
        row[:] = np.bincount(random.integers(units, size=units), minlength=units)
    return counts


def weights_of(unit: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How often each clip counts: (clips, resamples) uint8, from the unit of each clip and the draws of the units."""
    return np.ascontiguousarray(counts.T)[unit]


def resample(predictions: Predictions, weights: np.ndarray, thresholds: float | np.ndarray = 0.5) -> Resamples:
    """The metrics in every resample.

    Args:
        predictions: truth and scores.
        weights: (clips, resamples), how often each clip counts: whole numbers from 0.
        thresholds: as for `bootstrap`.
    """
    from threadpoolctl import threadpool_limits

    truth, scores, known = predictions.targets.astype(bool), predictions.scores, predictions.known
    predicted = per_class.decide(scores, predictions.task, thresholds)
    judged = np.ones(truth.shape, bool) if known is None else known
    predicted &= judged
    precisions = _label_precisions(truth, scores, judged)

    def measure(block: slice) -> dict[str, np.ndarray]:
        own, said, asked = truth[:, block], predicted[:, block], judged[:, block]
        error = np.where(asked, np.square(scores[:, block] - own), 0.0)
        counts = _sums(weights, np.hstack([own, said, own & said, asked]).astype(np.float32))
        sums = _sums(weights, np.hstack([error, precisions[:, block]]))
        ranked = [ranking.weighted(each, weights) for each in ranking.rank_classes(own, scores[:, block], asked)]
        names = ("positives", "guesses", "hits", "judged", "error", "label_precision", "AP", "AUC")
        parts = [*np.split(counts, 4, axis=1), *np.split(sums, 2, axis=1), *np.transpose(ranked, (1, 2, 0))]
        return dict(zip(names, parts, strict=True))

    classes = truth.shape[1]
    blocks = [slice(first, min(first + _CLASSES, classes)) for first in range(0, classes, _CLASSES)]
    title = f"Bootstrap, {weights.shape[1]} resamples"
    # One thread a product, as many products as processors: BLAS rounds by its own number of threads.
    with (
        threadpool_limits(1, "blas"),
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress.bar(title, classes, "classes", transient=True) as advance,
    ):
        found = []
        for block, part in zip(blocks, pool.map(measure, blocks), strict=True):
            found.append(part)
            advance(block.stop - block.start)
    joined = {name: np.concatenate([part[name] for part in found], axis=1, dtype=np.float64) for name in found[0]}
    return _metrics(joined, weights.sum(axis=0, dtype=np.int64), predictions.task)


def _sums(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Weighted sums of columns (clips, columns) in every resample: (resamples, columns) of the columns' type."""
    sums = np.empty((weights.shape[1], columns.shape[1]), columns.dtype)
    for first in range(0, len(sums), _RESAMPLES):
        block = slice(first, first + _RESAMPLES)
        sums[block] = weights[:, block].astype(columns.dtype).T @ columns
    return sums


def _label_precisions(truth: np.ndarray, scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Of the classes of a clip that score at least as much as a label, the share of labels: (clips, classes).

    0 where the clip does not have the class. Their weighted mean over the labels is lwlrap (Fonseca et al. 2019).
    """
    precisions = np.zeros(truth.shape)
    for row, labels, line, asked in zip(precisions, truth, scores, known, strict=True):
        own = line[labels]
        row[labels] = _reaching(own, own) / _reaching(line[asked], own)
    return precisions


def _reaching(scores: np.ndarray, least: np.ndarray) -> np.ndarray:
    """How many scores are at least as large as each of some values."""
    return len(scores) - np.searchsorted(np.sort(scores), least)


def _metrics(found: dict[str, np.ndarray], clips: np.ndarray, task: per_class.Task) -> Resamples:
    """Metrics from the sums of every resample and class; `clips` (resamples,) drawn."""
    positives, guesses, hits, judged = (found[name] for name in ("positives", "guesses", "hits", "judged"))
    right = judged - positives - guesses + 2 * hits
    with np.errstate(invalid="ignore", divide="ignore"):
        classes = {
            "AP": found["AP"],
            "AUC": found["AUC"],
            "lwlrap": found["label_precision"] / positives,
            "F1": 2 * hits / (positives + guesses),
            "precision": hits / np.maximum(guesses, 1),
            "recall": hits / positives,
            "accuracy": right / judged,
        }
        classes = {name: np.where(positives > 0, values, np.nan) for name, values in classes.items()}
        classes["Brier"] = found["error"] / judged
        means = {key: _mean(classes[name]) for key, name in _MACRO.items()}
        means["d_prime"] = d_prime(means["AUC"])
        total, said, caught = positives.sum(axis=1), guesses.sum(axis=1), hits.sum(axis=1)
        means["lwlrap"] = found["label_precision"].sum(axis=1) / total
        means |= {f"weighted_{name}": _mean(classes[name], positives) for name in _WEIGHTED}
        means["accuracy"] = caught / clips if task == "multiclass" else right.sum(axis=1) / judged.sum(axis=1)
        micro = {"F1": 2 * caught / (total + said), "precision": caught / np.maximum(said, 1), "recall": caught / total}
    means |= {f"micro_{name}": np.where(total > 0, values, np.nan) for name, values in micro.items()}
    return Resamples(classes, means)


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the classes that are defined, NaN where none is: (resamples, classes) -> (resamples,)."""
    defined = ~np.isnan(values)
    weights = defined if weights is None else weights * defined
    return (np.where(defined, values, 0.0) * weights).sum(axis=1) / weights.sum(axis=1)


def d_prime(area: np.ndarray) -> np.ndarray:
    """Distance of two unit normal distributions of that ROC-AUC: sqrt(2) times its normal quantile."""
    from scipy.special import ndtri

    return np.sqrt(2.0) * ndtri(area)


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
    import pandas

    ordered = [name for name in per_class.METRICS if name in ends]
    columns = {f"{name}_{end}": ends[name][which] for name in ordered for which, end in enumerate(("low", "high"))}
    return pandas.DataFrame({**columns, "resamples": defined}).rename_axis("index")
