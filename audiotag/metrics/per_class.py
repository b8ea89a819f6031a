"""Per-class and mean metrics, exactly scikit-learn's; a class that cannot be judged is NaN, counted and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas

from audiotag.metrics import ranking
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.reliability import class_errors, reliability

METRICS = ("AP", "AUC", "d_prime", "lwlrap", "F1", "precision", "recall", "accuracy", "Brier", "ECE")
"""Columns of `per_class` that measure; of Brier and ECE less is better."""

_MACRO = {"mAP": "AP", **{name: name for name in ("AUC", "F1", "precision", "recall")}}
_MACRO |= {"mean_accuracy": "accuracy", "Brier": "Brier", "ECE": "ECE"}
_WEIGHTED = ("AP", "AUC", "F1", "precision", "recall")
_TOP = (3, 5)


def decide(predictions: Predictions) -> np.ndarray:
    """Which classes are predicted: the highest score of a clip, or where classes do not exclude each other every score
    that reaches its class's threshold.

    Returns:
        (clips, classes) bool, False where nobody judged the pair. Of equal highest scores the class of lowest index is
        predicted, as `numpy.argmax` does.
    """
    scores = predictions.scores
    if predictions.task.exclusive:
        return scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])
    return (scores >= predictions.limits) & predictions.judged


def per_class(predictions: Predictions) -> pandas.DataFrame:
    """Every class's metrics, one row a class in the order of the labels.

    AP and AUC rank the clips by the class's score, one class against the rest; d_prime is sqrt(2) times the normal
    quantile of AUC (infinite where AUC is 0 or 1); lwlrap ranks the classes of each clip, see
    `label_precisions`; F1, precision, recall and accuracy look at the decisions (`decide`), accuracy at
    "this class or not"; Brier is the mean of (score - truth)^2 and ECE the calibration error, see
    `reliability.class_errors`.

    A class without positives has NaN in every metric but Brier and ECE, which false alarms alone can spoil; one
    without negatives has NaN in AUC and d_prime; one without a judged clip in all. Precision of a class that is never
    predicted is 0, as scikit-learn's default.

    Returns:
        DataFrame with columns id, class, positives, predicted, clips (numbers of clips: that have the class, that are
        predicted to have it, that are judged), threshold (NaN where the classes exclude each other) and those of
        `METRICS`, indexed by the class's index.
    """
    labels, known = predictions.labels, predictions.judged
    truth, predicted = predictions.targets.astype(bool), decide(predictions)
    positives, guesses, clips = (pairs.sum(axis=0) for pairs in (truth, predicted, known))
    rankings = ranking.rank_classes(truth, predictions.scores, known)
    areas = np.array([each.area() for each in rankings])
    brier, ece = class_errors(truth, predictions.scores, known)
    with np.errstate(invalid="ignore"):
        lwlrap = label_precisions(predictions).sum(axis=0) / positives
    metrics = {
        "AP": [each.average_precision() for each in rankings],
        "AUC": areas,
        "d_prime": ranking.d_prime(areas),
        "lwlrap": lwlrap,
        **of_decisions(positives, guesses, (truth & predicted).sum(axis=0), clips),
        "Brier": brier,
        "ECE": ece,
    }
    threshold = np.nan if predictions.task.exclusive else predictions.limits
    about = {"id": labels.ids, "class": labels.names, "positives": positives, "predicted": guesses, "clips": clips}
    return pandas.DataFrame({**about, "threshold": threshold, **metrics}).rename_axis("index")


def summary(predictions: Predictions, table: pandas.DataFrame | None = None) -> dict[str, Any]:
    """Means over classes, figures over all clips, and the classes that the means leave out.

    Args:
        predictions: truth and scores.
        table: `per_class` of them, where it is at hand.

    Returns:
        mAP, AUC, F1, precision, recall, mean_accuracy, Brier, ECE: means over the classes where they are defined
        (macro averages; NaN if there is none). d_prime: that of the mean AUC, as PANNs report it (Kong et al. 2020).
        lwlrap: mean over all labels of all clips, so that a class weighs as much as it has positives.
        weighted_AP, weighted_AUC, weighted_F1, weighted_precision, weighted_recall: means weighted by positives.
        micro_AP, micro_AUC, micro_F1, micro_precision, micro_recall: over all clips and classes taken together.
        overall_ECE: of all scores together, see `reliability`.
        accuracy: share of clips whose class is right (multiclass), or of right yes-or-no decisions over all clips and
        classes (multilabel). top_3, top_5: share of clips whose class is among so many best scored (multiclass, where
        there are more classes). clips, classes: counts.
        without_positives, without_negatives: names of the classes that are NaN in every metric but Brier and ECE, or
        in AUC and d_prime.
    """
    table = per_class(predictions) if table is None else table
    positives, guesses, judged = (table[name].to_numpy() for name in ("positives", "predicted", "clips"))
    hits = (predictions.targets.astype(bool) & decide(predictions)).sum(axis=0)
    classes = {name: table[name].to_numpy() for name in METRICS}
    clips = len(predictions.targets)
    whole = means(classes, (positives, guesses, hits, judged), clips if predictions.task.exclusive else None)
    pairs = ranking.rank(*predictions.pairs())
    tops = [most for most in _TOP if predictions.task.exclusive and len(table) > most]
    return {
        **{name: float(value) for name, value in whole.items()},
        "micro_AP": pairs.average_precision(),
        "micro_AUC": pairs.area(),
        "overall_ECE": reliability(predictions).ece,
        **{f"top_{most}": top_accuracy(predictions, most) for most in tops},
        "clips": clips,
        "classes": len(table),
        "without_positives": table.loc[positives == 0, "class"].tolist(),
        "without_negatives": table.loc[(positives == judged) & (positives > 0), "class"].tolist(),
    }


def of_decisions(
    positives: np.ndarray, guesses: np.ndarray, hits: np.ndarray, judged: np.ndarray
) -> dict[str, np.ndarray]:
    """F1, precision, recall and accuracy from numbers of clips, in arrays of one shape; NaN without positives."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {
            "F1": 2 * hits / (positives + guesses),
            "precision": hits / np.maximum(guesses, 1),
            "recall": hits / positives,
            "accuracy": (judged - positives - guesses + 2 * hits) / judged,
        }
    return {name: np.where(positives > 0, value, np.nan) for name, value in values.items()}


def means(
    classes: dict[str, np.ndarray], counts: tuple[np.ndarray, ...], clips: np.ndarray | int | None
) -> dict[str, np.ndarray]:
    """Those figures of `summary` that follow from what is known of the classes, of one evaluation or of resamples.

    Args:
        classes: name of a metric to (…, classes); a mean of what is not there is left out.
        counts: positives, predicted, hits and judged clips of every class, each (…, classes).
        clips: (…) number of clips where the classes exclude each other; None where they do not.

    Returns:
        Name to (…) float64.
    """
    positives = counts[0]
    averages = {key: mean(classes[name]) for key, name in _MACRO.items() if name in classes}
    averages["d_prime"] = ranking.d_prime(averages["AUC"])
    averages["lwlrap"] = mean(classes["lwlrap"], positives)
    averages |= {f"weighted_{name}": mean(classes[name], positives) for name in _WEIGHTED}
    present, guesses, hits, judged = (each.sum(axis=-1) for each in counts)
    with np.errstate(invalid="ignore"):
        right = (judged - present - guesses + 2 * hits) / judged if clips is None else hits / clips
    micro = of_decisions(present, guesses, hits, judged)
    return averages | {"accuracy": right} | {f"micro_{name}": micro[name] for name in ("F1", "precision", "recall")}


def mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the classes where it is defined, NaN where none is: (…, classes) -> (…)."""
    defined = ~np.isnan(values)
    weights = defined if weights is None else weights * defined
    with np.errstate(invalid="ignore"):
        return (np.where(defined, values, 0.0) * weights).sum(axis=-1) / weights.sum(axis=-1)


def label_precisions(predictions: Predictions) -> np.ndarray:
    """Of the clip's judged classes that score at least as much as a label, the share that are labels of the clip.

    The mean over the labels of a class is its lwlrap_c, the mean over all labels lwlrap (Fonseca et al. 2019; DCASE
    2019, task 2), which equals scikit-learn's `label_ranking_average_precision_score` with the number of labels as
    `sample_weight`, ties included.

    Returns:
        (clips, classes) float64 in [0, 1]; 0 where the clip does not have the class.
    """
    truth = predictions.targets.astype(bool)
    precisions = np.zeros(truth.shape)
    for row, labels, scores, judged in zip(precisions, truth, predictions.scores, predictions.judged, strict=True):
        own = scores[labels]
        row[labels] = _reaching(own, own) / _reaching(scores[judged], own)
    return precisions


def _reaching(scores: np.ndarray, least: np.ndarray) -> np.ndarray:
    """How many scores are at least as large as each of some values."""
    return len(scores) - np.searchsorted(np.sort(scores), least)


def top_accuracy(predictions: Predictions, most: int) -> float:
    """Share of clips whose class is among the best scored ones, as scikit-learn's `top_k_accuracy_score`.

    Of equal scores the class of higher index comes first, as there.

    Args:
        predictions: of classes that exclude each other.
        most: how many classes of a clip are looked at.
    """
    scores = predictions.scores
    index = predictions.targets.argmax(axis=1)[:, None]
    own = np.take_along_axis(scores, index, axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) > index))
    return float((ahead.sum(axis=1) < most).mean())
