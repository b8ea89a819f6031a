"""Per-class and mean metrics, exactly scikit-learn's; a class that cannot be judged is NaN, counted and named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels

if TYPE_CHECKING:
    import pandas

Task = Literal["multiclass", "multilabel"]


class NotFiniteError(AudiotagError):
    """A score is NaN or infinite."""


METRICS = ("AP", "AUC", "F1", "precision", "recall", "accuracy")


def check(targets: np.ndarray, scores: np.ndarray, task: Task, clip_ids: np.ndarray | None = None) -> None:
    """Refuse what no metric is defined for: other shapes, targets that are not 0 or 1, scores that are not finite.

    Args:
        targets: (clips, classes), 0 or 1; exactly one 1 a clip where the task is multiclass.
        scores: (clips, classes).
        task: "multiclass" or "multilabel".
        clip_ids: (clips,) names for the messages. Default: "row 0", "row 1" …

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


def decide(scores: np.ndarray, task: Task, threshold: float = 0.5) -> np.ndarray:
    """Which classes are predicted: the highest score of a clip (multiclass), or every score >= threshold.

    Args:
        scores: (clips, classes), probabilities.
        task: "multiclass" or "multilabel".
        threshold: in [0, 1], multilabel only.

    Returns:
        (clips, classes) bool. Of equal highest scores the class of lowest index is predicted, as `numpy.argmax` does.
    """
    if task == "multilabel":
        return scores >= threshold
    return scores.argmax(axis=1)[:, None] == np.arange(scores.shape[1])


def per_class(
    targets: np.ndarray, scores: np.ndarray, labels: Labels, *, task: Task, threshold: float = 0.5
) -> pandas.DataFrame:
    """Every class's metrics, one row a class in the order of the labels.

    Average precision and AUC rank the clips by the class's score, one class against the rest; the others look at the
    decisions (`decide`). A class without positives has NaN in every metric; one without negatives has NaN in AUC.
    Precision of a class that is never predicted is 0, as scikit-learn's default.

    Args:
        targets: (clips, classes), 0 or 1.
        scores: (clips, classes), probabilities: softmax for multiclass, sigmoid for multilabel.
        labels: vocabulary.
        task: "multiclass" or "multilabel".
        threshold: score from which a multilabel class is predicted, in [0, 1].

    Returns:
        DataFrame with columns id, class, positives, predicted (clips), AP, AUC, F1, precision, recall, accuracy (in
        [0, 1]; accuracy is that of the decision "this class or not"), indexed by the class's index.

    Raises:
        AudiotagError: see `check`; or another number of classes than labels.
    """
    import pandas
    from sklearn.metrics import average_precision_score, roc_auc_score

    targets, scores = np.asarray(targets), np.asarray(scores)
    check(targets, scores, task)
    if len(labels) != targets.shape[1]:
        raise AudiotagError(f"one label a class is needed, received {len(labels)} labels, {targets.shape[1]} classes")
    truth, predicted = targets.astype(bool), decide(scores, task, threshold)
    clips = len(truth)
    rows = []
    for index, name in enumerate(labels.names):
        positives, guesses = int(truth[:, index].sum()), int(predicted[:, index].sum())
        row: dict[str, Any] = {"id": labels.ids[index], "class": name, "positives": positives, "predicted": guesses}
        row |= dict.fromkeys(METRICS, np.nan)
        if positives:
            row["AP"] = average_precision_score(truth[:, index], scores[:, index])
            hits = int((truth[:, index] & predicted[:, index]).sum())
            row["F1"] = 2 * hits / (positives + guesses)
            row["precision"] = hits / guesses if guesses else 0.0
            row["recall"] = hits / positives
            row["accuracy"] = (clips - positives - guesses + 2 * hits) / clips
        if 0 < positives < clips:
            row["AUC"] = roc_auc_score(truth[:, index], scores[:, index])
        rows.append(row)
    return pandas.DataFrame(rows).rename_axis("index")


def summary(
    table: pandas.DataFrame, targets: np.ndarray, scores: np.ndarray, task: Task, threshold: float = 0.5
) -> dict[str, Any]:
    """Means over classes, figures over all clips, and the classes that the means leave out.

    Args:
        table: what `per_class` returned for the same targets and scores.
        targets: (clips, classes), 0 or 1.
        scores: (clips, classes), probabilities.
        task: "multiclass" or "multilabel".
        threshold: as for `per_class`.

    Returns:
        mAP, AUC, F1, precision, recall, mean_accuracy: means over the classes where they are defined (macro averages;
        NaN if there is none).
        accuracy: share of clips whose class is right (multiclass), or of right yes-or-no decisions over all clips and
        classes (multilabel). micro_AP, micro_F1: over all clips and classes taken together. clips, classes: counts.
        without_positives, without_negatives: names of the classes that are NaN in every metric, or in AUC.
    """
    from sklearn.metrics import average_precision_score

    truth, scores = np.asarray(targets).astype(bool), np.asarray(scores)
    predicted = decide(scores, task, threshold)
    hits = int((truth & predicted).sum())
    means = {"mAP" if name == "AP" else name: float(table[name].mean()) for name in METRICS}
    means["mean_accuracy"] = means.pop("accuracy")
    decisions = hits / len(truth) if task == "multiclass" else float((truth == predicted).mean())
    return means | {
        "accuracy": decisions,
        "micro_AP": float(average_precision_score(truth.ravel(), scores.ravel())) if truth.any() else float("nan"),
        "micro_F1": 2 * hits / (int(truth.sum()) + int(predicted.sum())) if truth.any() else float("nan"),
        "clips": len(truth),
        "classes": len(table),
        "without_positives": table.loc[table["positives"] == 0, "class"].tolist(),
        "without_negatives": table.loc[table["positives"] == len(truth), "class"].tolist(),
    }
