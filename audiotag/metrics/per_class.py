"""Per-class and mean metrics, exactly scikit-learn's; a class that cannot be judged is NaN, counted and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics import label_ranking, ranking, reliability

if TYPE_CHECKING:
    import pandas

Task = Literal["multiclass", "multilabel"]


class NotFiniteError(AudiotagError):
    """A score is NaN or infinite."""


METRICS = ("AP", "AUC", "d_prime", "lwlrap", "F1", "precision", "recall", "accuracy", "Brier", "ECE")
"""Columns of `per_class` that measure; of Brier and ECE less is better."""

_MACRO = {"mAP": "AP", "mean_accuracy": "accuracy"}
_MACRO |= {name: name for name in METRICS if name not in ("AP", "accuracy", "d_prime", "lwlrap")}
_WEIGHTED = ("AP", "AUC", "F1", "precision", "recall")
_TOP = (3, 5)


def check(
    targets: np.ndarray,
    scores: np.ndarray,
    task: Task,
    clip_ids: np.ndarray | None = None,
    known: np.ndarray | None = None,
) -> None:
    """Refuse what no metric is defined for: other shapes, targets that are not 0 or 1, scores that are not finite.

    Args:
        targets: (clips, classes), 0 or 1; exactly one 1 a clip where the task is multiclass.
        scores: (clips, classes).
        task: "multiclass" or "multilabel".
        clip_ids: (clips,) names for the messages. Default: "row 0", "row 1" …
        known: (clips, classes) bool, False where nobody judged the pair; its target must be 0. Default: all known.

    Raises:
        AudiotagError: naming the first clip at fault.
    """

    def name(row: int) -> str:
        return f"row {row}" if clip_ids is None else f"clip {str(clip_ids[row])!r}"

    if task not in ("multiclass", "multilabel"):
        raise AudiotagError(f"task must be multiclass or multilabel, received {task!r}")
    if targets.ndim != 2 or targets.shape != scores.shape or not len(targets):
        raise AudiotagError(
            f"targets and scores must both be (clips, classes) with at least one clip, received {targets.shape} and "
            f"{scores.shape}: score the same clips and classes"
        )
    for row, column in np.argwhere(~np.isfinite(scores))[:1]:
        raise NotFiniteError(
            f"scores must be finite, received {scores[row, column]} for {name(row)}, class {column}: the model's "
            "weights or its input hold NaN or infinity; go back to an earlier checkpoint"
        )
    for row, column in np.argwhere((targets != 0) & (targets != 1))[:1]:
        raise AudiotagError(f"targets must be 0 or 1, received {targets[row, column]} for {name(row)}, class {column}")
    if task == "multiclass":
        for (row,) in np.argwhere(targets.sum(axis=1) != 1)[:1]:
            raise AudiotagError(
                f"a multiclass clip has exactly one label, {name(row)} has {int(targets[row].sum())}: "
                "use task multilabel"
            )
    if known is not None:
        _check_known(known, targets, task, name)


def _check_known(known: np.ndarray, targets: np.ndarray, task: Task, name: Callable[[int], str]) -> None:
    """Refuse a mask of another type or shape, one that hides part of a multiclass label, and a label it hides."""
    if known.dtype != bool or known.shape != targets.shape:
        raise AudiotagError(
            f"known must be bool of the shape of the targets {targets.shape}, received {known.dtype} {known.shape}"
        )
    if task == "multiclass" and not known.all():
        raise AudiotagError(
            f"every class of a multiclass clip is known, {name(int(np.argmin(known.all(axis=1))))} has unknown ones: "
            "leave the clip out or use task multilabel"
        )
    for row, column in np.argwhere(~known & (targets != 0))[:1]:
        raise AudiotagError(
            f"the target of an unknown pair must be 0, received {targets[row, column]} for {name(row)}, "
            f"class {column}: set it to 0 or mark the pair as known"
        )


def decide(scores: np.ndarray, task: Task, thresholds: float | np.ndarray = 0.5) -> np.ndarray:
    """Which classes are predicted: the highest score of a clip (multiclass), or every score >= its class's threshold.

    Args:
        scores: (clips, classes), probabilities.
        task: "multiclass" or "multilabel".
        thresholds: one for all classes or (classes,), in [0, 1]; multilabel only.

    Returns:
        (clips, classes) bool. Of equal highest scores the class of lowest index is predicted, as `numpy.argmax` does.

    Raises:
        AudiotagError: another number of thresholds than classes.
    """
    classes = scores.shape[1]
    if task == "multiclass":
        return scores.argmax(axis=1)[:, None] == np.arange(classes)
    if np.shape(thresholds) not in ((), (classes,)):
        raise AudiotagError(
            f"one threshold for all or one a class is needed, received {np.shape(thresholds)} for {classes} classes"
        )
    return scores >= thresholds


def per_class(
    targets: np.ndarray,
    scores: np.ndarray,
    labels: Labels,
    *,
    task: Task,
    thresholds: float | np.ndarray = 0.5,
    known: np.ndarray | None = None,
) -> pandas.DataFrame:
    """Every class's metrics, one row a class in the order of the labels.

    AP and AUC rank the clips by the class's score, one class against the rest; d_prime is sqrt(2) times the normal
    quantile of AUC (infinite where AUC is 0 or 1); lwlrap ranks the classes of each clip, see
    `label_ranking.label_precisions`; F1, precision, recall and accuracy look at the decisions (`decide`), accuracy at
    "this class or not"; Brier is the mean of (score - truth)^2 and ECE the calibration error, see
    `reliability.class_errors`.

    A class without positives has NaN in every metric but Brier and ECE, which false alarms alone can spoil; one
    without negatives has NaN in AUC and d_prime; one without a judged clip in all. Precision of a class that is never
    predicted is 0, as scikit-learn's default.

    Args:
        targets: (clips, classes), 0 or 1.
        scores: (clips, classes), probabilities: softmax for multiclass, sigmoid for multilabel.
        labels: vocabulary.
        task: "multiclass" or "multilabel".
        thresholds: score from which a multilabel class is predicted, in [0, 1]; one for all or (classes,).
        known: (clips, classes) bool, False where nobody judged the pair: it counts nowhere. Default: all known.

    Returns:
        DataFrame with columns id, class, positives, predicted, clips (numbers of clips: that have the class, that are
        said to have it, that are judged), threshold (NaN for multiclass) and those of `METRICS`, indexed by the
        class's index.

    Raises:
        AudiotagError: see `check` and `decide`; or another number of classes than labels.
    """
    import pandas
    from scipy.special import ndtri

    targets, scores = np.asarray(targets), np.asarray(scores)
    check(targets, scores, task, known=known)
    if len(labels) != targets.shape[1]:
        raise AudiotagError(f"one label a class is needed, received {len(labels)} labels, {targets.shape[1]} classes")
    truth, predicted = targets.astype(bool), _decide_known(scores, task, thresholds, known)
    clips = np.full(len(labels), len(truth)) if known is None else known.sum(axis=0)
    positives, guesses, hits = (pairs.sum(axis=0) for pairs in (truth, predicted, truth & predicted))
    rankings = ranking.rank_classes(truth, scores, known)
    areas = np.array([each.area() for each in rankings])
    brier, ece = reliability.class_errors(truth, scores, known)
    with np.errstate(invalid="ignore"):
        found = pandas.DataFrame(
            {
                "AP": [each.average_precision() for each in rankings],
                "AUC": areas,
                "d_prime": np.sqrt(2.0) * ndtri(areas),
                "lwlrap": label_ranking.label_precisions(truth, scores, known),
                "F1": 2 * hits / (positives + guesses),
                "precision": hits / np.maximum(guesses, 1),
                "recall": hits / positives,
                "accuracy": (clips - positives - guesses + 2 * hits) / clips,
            }
        )
    found[positives == 0] = np.nan
    counts = {"positives": positives, "predicted": guesses, "clips": clips}
    threshold = np.nan if task == "multiclass" else thresholds
    classes = pandas.DataFrame({"id": labels.ids, "class": labels.names, **counts, "threshold": threshold})
    return classes.join(found).assign(Brier=brier, ECE=ece).rename_axis("index")


def summary(
    table: pandas.DataFrame,
    targets: np.ndarray,
    scores: np.ndarray,
    task: Task,
    thresholds: float | np.ndarray = 0.5,
    known: np.ndarray | None = None,
) -> dict[str, Any]:
    """Means over classes, figures over all clips, and the classes that the means leave out.

    Args:
        table: what `per_class` returned for the same arguments.
        targets: (clips, classes), 0 or 1.
        scores: (clips, classes), probabilities.
        task: "multiclass" or "multilabel".
        thresholds: as for `per_class`.
        known: as for `per_class`.

    Returns:
        mAP, AUC, F1, precision, recall, mean_accuracy, Brier, ECE: means over the classes where they are defined
        (macro averages; NaN if there is none). d_prime: that of the mean AUC, as PANNs report it (Kong et al. 2020).
        lwlrap: mean over all labels of all clips, so that a class weighs as much as it has positives.
        weighted_AP, weighted_AUC, weighted_F1, weighted_precision, weighted_recall: means weighted by positives.
        micro_AP, micro_AUC, micro_F1, micro_precision, micro_recall: over all clips and classes taken together.
        accuracy: share of clips whose class is right (multiclass), or of right yes-or-no decisions over all clips and
        classes (multilabel). top_3, top_5: share of clips whose class is among so many best scored (multiclass, where
        there are more classes). clips, classes: counts.
        without_positives, without_negatives: names of the classes that are NaN in every metric but Brier and ECE, or
        in AUC and d_prime.
    """
    from scipy.special import ndtri

    truth, scores = np.asarray(targets).astype(bool), np.asarray(scores)
    means = {key: float(table[name].mean()) for key, name in _MACRO.items()}
    means["d_prime"] = float(np.sqrt(2.0) * ndtri(means["AUC"]))
    means["lwlrap"] = _weighted(table, "lwlrap")
    means |= {f"weighted_{name}": _weighted(table, name) for name in _WEIGHTED}
    means |= _micro(truth, scores, task, thresholds, known)
    if task == "multiclass":
        means |= {f"top_{k}": label_ranking.top_accuracy(truth, scores, k) for k in _TOP if truth.shape[1] > k}
    without_positives = table["positives"] == 0
    return means | {
        "clips": len(truth),
        "classes": len(table),
        "without_positives": table.loc[without_positives, "class"].tolist(),
        "without_negatives": table.loc[(table["positives"] == table["clips"]) & ~without_positives, "class"].tolist(),
    }


def _decide_known(
    scores: np.ndarray, task: Task, thresholds: float | np.ndarray, known: np.ndarray | None
) -> np.ndarray:
    """Decisions that count: those about pairs that somebody judged."""
    predicted = decide(scores, task, thresholds)
    return predicted if known is None else predicted & known


def _weighted(table: pandas.DataFrame, metric: str) -> float:
    """Mean over the classes where the metric is defined, weighted by their positives."""
    rows = table[table[metric].notna()]
    return float(np.average(rows[metric], weights=rows["positives"])) if len(rows) else float("nan")


def _micro(
    truth: np.ndarray, scores: np.ndarray, task: Task, thresholds: float | np.ndarray, known: np.ndarray | None
) -> dict[str, float]:
    """Accuracy, and what every pair of a clip and a class gives when all are one class."""
    predicted = _decide_known(scores, task, thresholds, known)
    pairs = ranking.rank(*(each.ravel() if known is None else each[known] for each in (truth, scores)))
    right = truth == predicted if known is None else (truth == predicted)[known]
    positives, guesses, hits = int(truth.sum()), int(predicted.sum()), int((truth & predicted).sum())
    nan = float("nan")
    return {
        "accuracy": hits / len(truth) if task == "multiclass" else float(right.mean()) if len(right) else nan,
        "micro_AP": pairs.average_precision(),
        "micro_AUC": pairs.area(),
        "micro_F1": 2 * hits / (positives + guesses) if positives else nan,
        "micro_precision": hits / max(guesses, 1) if positives else nan,
        "micro_recall": hits / positives if positives else nan,
    }
