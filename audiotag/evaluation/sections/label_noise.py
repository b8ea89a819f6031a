"""Labels that the model disputes most, for data cleaning: confident learning (Northcutt et al., arXiv 1911.00068)."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.illustrating import illustrated, truth_and_best
from audiotag.metrics.predictions import Predictions
from audiotag.report import formats
from audiotag.report.section import Exhibit, Section, Table

_PLAYED, _LISTED, _WRITTEN, _NAMED = 12, 40, 1000, 3  # clips, rows, rows of the file, classes


def measure(evaluation: Evaluation) -> Section:
    """The most disputed labels, with players."""
    predictions = evaluation.predictions
    table = disputes(predictions)
    disputed, clips = table["row"].nunique(), len(predictions.clip_ids)
    classes = [f"{name} ({count})" for name, count in table["class"].value_counts().items()]
    most = f", most often {formats.names(classes, _NAMED)}" if classes else ""
    shown = table.drop(columns="row")
    played = table.drop_duplicates("row").head(_PLAYED).to_dict("records")
    return Section(
        "Label noise",
        how="Clips that score as those of another label. Listen: the label is wrong, or the model is. A model agrees "
        "with the labels that it learned from: only other clips tell.",
        conclusions=(f"labels: the model disputes those of {disputed} of {clips} clips{most}",),
        tables=(Table.of(shown.head(_LISTED)),) if len(table) else (),
        exhibits=illustrated(evaluation, [_exhibit(predictions, dispute) for dispute in played]),
        values={"label_noise": shown.head(_WRITTEN)},
    )


def disputes(predictions: Predictions) -> pandas.DataFrame:
    """Every label that the model disputes, the most disputed first.

    A class's threshold is its mean score over the clips labelled with it. Where classes exclude each other, a label is
    disputed whose score is below its threshold while the score of another class, the one suggested, reaches that
    class's. Else each class is asked for itself: a clip with the label is disputed that scores below the mean of the
    clips without, and a clip without it that scores above the threshold; not of classes whose clips score no higher
    than others, and not where nobody judged the clip.

    Args:
        predictions: truth and scores.

    Returns:
        DataFrame, a row a clip and class: row (of the predictions), clip_id, class, labelled ("yes" or "no"),
        suggested (class; None where there is none), score (of the class), margin (the suggested class's score, else
        the mean passed, less or more than the score).
    """
    truth, scores, judged = predictions.targets.astype(bool), predictions.scores, predictions.judged
    with np.errstate(invalid="ignore"):
        with_label, without = ((scores * pairs).sum(axis=0) / pairs.sum(axis=0) for pairs in (truth, judged & ~truth))
    if predictions.task.exclusive:
        reaching = np.where((scores >= with_label) & ~truth, scores, -np.inf)
        suggested = reaching.argmax(axis=1)
        margins = reaching.max(axis=1, keepdims=True) - scores
        wrong = truth & (scores < with_label) & (margins > -np.inf)
    else:
        suggested = None
        margins = np.where(truth, without - scores, scores - with_label)
        wrong = judged & (margins > 0) & (with_label > without)
    rows, classes = np.nonzero(wrong)
    order = np.argsort(-margins[rows, classes], kind="stable")
    rows, classes = rows[order], classes[order]
    names = np.array(predictions.labels.names, dtype=object)
    return pandas.DataFrame(
        {
            "row": rows,
            "clip_id": predictions.clip_ids[rows].astype(object),
            "class": names[classes],
            "labelled": np.where(truth[rows, classes], "yes", "no").astype(object),
            "suggested": None if suggested is None else names[suggested[rows]],
            "score": scores[rows, classes],
            "margin": margins[rows, classes],
        }
    )


def _exhibit(predictions: Predictions, dispute: dict) -> Exhibit:
    truth, best = truth_and_best(predictions, dispute["row"])
    instead = f", {dispute['suggested']} {formats.figure(dispute['margin'])} more" if dispute["suggested"] else ""
    text = f"Scored {formats.figure(dispute['score'])}{instead}. Labels: {', '.join(truth) or 'none of the classes'}."
    kind = "doubtful label" if dispute["labelled"] == "yes" else "missing label"
    return Exhibit(dispute["clip_id"], kind, dispute["class"], text, best)
