"""Precision-recall and ROC curve of all pairs of a clip and a class taken together."""

from __future__ import annotations

from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.curves import curves
from audiotag.report.chart import DIAGONAL, Axis, Line, Plot
from audiotag.report.formats import figure
from audiotag.report.section import Section

_POINTS = 201


def measure(evaluation: Evaluation) -> Section:
    """Both curves; pairs that nobody judged are left out."""
    summary, ranking = evaluation.summary, curves(*evaluation.predictions.pairs(), _POINTS)
    precision_recall = Plot(
        "precision_recall_of_all_pairs",
        "Precision and recall of all pairs",
        Axis("recall"),
        Axis("precision"),
        (Line(ranking.recall, ranking.precision),),
        f"How many alarms are right when so many of the sounds are found. AP {figure(summary['micro_AP'])}.",
    )
    roc = Plot(
        "roc_of_all_pairs",
        "ROC of all pairs",
        Axis("false positive rate"),
        Axis("true positive rate"),
        (DIAGONAL, Line(ranking.false_positive_rate, ranking.true_positive_rate)),
        "The share of sounds found against the share of false alarms. The dashed line is guessing. "
        f"AUC {figure(summary['micro_AUC'])}.",
    )
    return Section(
        "Curves",
        how="What a lower or higher threshold would bring. Curves of one class open in the table above.",
        figures=(precision_recall, roc),
    )
