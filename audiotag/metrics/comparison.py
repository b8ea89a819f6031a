"""Which of two models is better, class by class, on the same clips: a paired bootstrap of their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics import bootstrap
from audiotag.metrics.bootstrap import Unit, Units
from audiotag.metrics.predictions import Predictions

_LESS_IS_BETTER = ("Brier",)
_ALL_CLIPS_TELL = ("accuracy", "Brier")  # those without the class as much as those with it


@dataclass(frozen=True)
class Comparison(bootstrap.Drawn):
    """What a comparison of two models found.

    Args:
        classes: a row a class and metric of `bootstrap.METRICS`: metric, index (in the first vocabulary), id, class,
            positives, first, second, difference (second less first), low and high (ends of its interval), p, q and
            verdict ("better" or "worse": the second model; "": undecided).
        means: a row a mean, index its name as in `metrics.summary`: first, second, difference, low, high, p.
        clips: number of clips compared: those that both models scored.
        left_out: number of clips that only the first scored, and only the second.
        left_out_classes: names of the classes that only the first knows, and only the second.
    """

    classes: pandas.DataFrame
    means: pandas.DataFrame
    clips: int
    left_out: tuple[int, int]
    left_out_classes: tuple[tuple[str, ...], tuple[str, ...]]


def compare(
    first: Predictions,
    second: Predictions,
    unit: Unit = "recording",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two models on the clips and classes that both scored, matched by clip id and by `Labels.matching`.

    Both are measured in the same resamples, so that what makes a clip hard for both cancels out.

    p is two-sided: with d* the differences in the B resamples where they are defined, it is
    2 min(#(d* <= 0) + 1, #(d* >= 0) + 1) / (B + 1), at most 1 (Davison and Hinkley 1997, section 4.2). It is no less
    than 2^(1 - k), what k tosses of a coin can tell, with k the clips or recordings that hold a positive of the class
    (for accuracy and Brier: that were judged): a class of one clip differs alike in every resample that holds the clip.
    q is p corrected for the number of classes that were asked about (Benjamini and Hochberg 1995): of the classes whose
    q is below 0.05 about 5 % at most are expected to differ by chance.

    Args:
        first: what is compared with, the old model.
        second: the new model.
        unit: what is drawn, see `bootstrap.units_of`; a recording is known where one of the two says it.
        resamples: how many.
        level: share of the resamples inside an interval; a verdict needs a q below 1 - level.
        seed: of the draws.

    Returns:
        The comparison; nothing is decided, with a reason, where fewer than 5 clips or recordings can be drawn.

    Raises:
        AudiotagError: no common clip or class; truths that differ, naming the clip; two tasks; multiclass models of
            other classes; resamples or level out of range.
    """
    bootstrap.check_options(resamples, level)
    rows, columns = _common_clips(first, second), _common_classes(first, second)
    pair = _judged_by_both(*(each.take(*part) for each, *part in zip((first, second), rows, columns, strict=True)))
    units = bootstrap.units_of(next((each for each in pair if each.recordings is not None), pair[0]), unit)
    # Every unit once, then the resamples: the values of all clips come first.
    weights = units.weights(np.concatenate([np.ones((1, units.count), np.uint8), units.draws(resamples, seed)]))
    drawn = [bootstrap.resample(each, weights) for each in pair]
    return Comparison(
        *(level, resamples, units.name, units.count, units.reason),
        classes=_classes(pair[0], columns[0], units, drawn, level),
        means=_means(units, drawn, level),
        clips=len(rows[0]),
        left_out=(len(first.clip_ids) - len(rows[0]), len(second.clip_ids) - len(rows[1])),
        left_out_classes=(_others(first.labels, columns[0]), _others(second.labels, columns[1])),
    )


def least_resamples(classes: int, level: float = 0.95) -> int:
    """Resamples by which a single class of so many can be decided: 2 / (resamples + 1) is the least p there is.

    With fewer, only several classes that differ together can be. 2000 for 50 classes and a level of 0.95, for example.
    """
    return math.ceil(2 * classes / (1 - level))


def _common_clips(first: Predictions, second: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the clips that both have, in the order of the first."""
    _, *rows = np.intersect1d(first.clip_ids, second.clip_ids, assume_unique=True, return_indices=True)
    if not len(rows[0]):
        raise AudiotagError(
            f"models are compared on the clips that both scored, the first scored {str(first.clip_ids[0])!r} …, the "
            f"second {str(second.clip_ids[0])!r} …, and none is common: evaluate both on the same split"
        )
    order = np.argsort(rows[0])
    return rows[0][order], rows[1][order]


def _common_classes(first: Predictions, second: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the classes that both know, in the order of the first."""
    if first.task != second.task:
        raise AudiotagError(f"models of one task are compared, received {first.task} and {second.task}")
    pairs: dict[int, int] = {}
    for index, (key, name) in enumerate(zip(first.labels.ids, first.labels.names, strict=True)):
        matches = second.labels.matching(key, name)
        if len(matches) == 1 and matches[0] not in pairs.values():
            pairs[index] = matches[0]
    if not pairs:
        raise AudiotagError(
            f"models are compared on the classes that both know, none of {first.labels.names[0]!r} … is among "
            f"{second.labels.names[0]!r} …: compare models of the same classes"
        )
    columns = np.array(list(pairs)), np.array(list(pairs.values()))
    strangers = _others(first.labels, columns[0]) + _others(second.labels, columns[1])
    if first.task.exclusive and strangers:
        raise AudiotagError(
            f"multiclass models choose among all their classes, and only one of the two knows {strangers[0]!r}: "
            "compare models of the same classes"
        )
    return columns


def _others(labels: Labels, columns: np.ndarray) -> tuple[str, ...]:
    """Names of the classes that are not among the columns."""
    return tuple(np.delete(np.array(labels.names, object), columns))


def _judged_by_both(first: Predictions, second: Predictions) -> list[Predictions]:
    """Both with the pairs that both know the truth of, which must be one truth."""
    known = first.judged & second.judged
    for row, column in np.argwhere(known & (first.targets != second.targets))[:1]:
        name = first.labels.names[column]
        stated = ["has" if each.targets[row, column] else "has not" for each in (first, second)]
        raise AudiotagError(
            f"models are compared on one truth, clip {str(first.clip_ids[row])!r} {stated[0]} the class {name!r} in "
            f"the first and {stated[1]} it in the second: evaluate both on the same data set"
        )
    return [replace(each, targets=each.targets * known, known=known) for each in (first, second)]


def _classes(
    truth: Predictions, columns: np.ndarray, units: Units, drawn: list[bootstrap.Resamples], level: float
) -> pandas.DataFrame:
    positive = truth.targets.astype(bool)
    about = {"index": columns, "id": truth.labels.ids, "class": truth.labels.names, "positives": positive.sum(axis=0)}
    with_positive, with_judged = (_units_with(pairs, units) for pairs in (positive, truth.judged))
    tables = []
    for name in bootstrap.METRICS:
        evidence = with_judged if name in _ALL_CLIPS_TELL else with_positive
        rows = _differences(*(each.classes[name] for each in drawn), evidence, level, units.reason)
        rows["q"] = _corrected(rows["p"])
        gain = -rows["difference"] if name in _LESS_IS_BETTER else rows["difference"]
        decided = rows["q"] < 1 - level
        rows["verdict"] = np.select([decided & (gain > 0), decided & (gain < 0)], ["better", "worse"], "")
        tables.append(pandas.DataFrame({"metric": name, **about, **rows}))
    return pandas.concat(tables, ignore_index=True)


def _means(units: Units, drawn: list[bootstrap.Resamples], level: float) -> pandas.DataFrame:
    names = list(drawn[0].means)
    values = (np.column_stack([each.means[name] for name in names]) for each in drawn)
    evidence = np.full(len(names), units.count)
    return pandas.DataFrame(_differences(*values, evidence, level, units.reason), index=names)


def _differences(
    first: np.ndarray, second: np.ndarray, evidence: np.ndarray, level: float, reason: str
) -> dict[str, np.ndarray]:
    """Values, differences, their intervals and p; of (1 + resamples, figures) the first row is of all clips."""
    with np.errstate(invalid="ignore"):
        differences = second - first
    drawn = np.where(np.isfinite(differences[1:]), differences[1:], np.nan)  # d' of a perfect AUC is infinite
    low, high = bootstrap.percentiles(drawn, level, reason)
    p = np.full(len(low), np.nan) if reason else _two_sided(drawn, evidence)
    return {"first": first[0], "second": second[0], "difference": differences[0], "low": low, "high": high, "p": p}


def _two_sided(drawn: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Two-sided p of every figure, see `compare`; NaN where no resample has a difference."""
    defined = (~np.isnan(drawn)).sum(axis=0)
    fewer = np.minimum((drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0))
    p = np.maximum(2 * (fewer + 1) / (defined + 1), 2.0 ** (1 - evidence))
    return np.where(defined > 0, np.minimum(p, 1.0), np.nan)


def _units_with(pairs: np.ndarray, units: Units) -> np.ndarray:
    """Number of units that hold a pair of each class: (clips, classes) bool -> (classes,) float64."""
    return np.array([len(np.unique(units.of_clip[column])) for column in pairs.T], np.float64)


def _corrected(p: np.ndarray) -> np.ndarray:
    """The q of Benjamini and Hochberg of the classes that have a p."""
    from scipy.stats import false_discovery_control

    q, asked = np.full(len(p), np.nan), ~np.isnan(p)
    if asked.any():
        q[asked] = false_discovery_control(p[asked])
    return q
