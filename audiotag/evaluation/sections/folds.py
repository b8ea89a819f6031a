"""The folds of a cross-validation, each scored by the model that did not learn from it."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections.slices import FIGURES, figures, natural
from audiotag.metrics.predictions import Predictions
from audiotag.report.section import Section, Table


def measure(evaluation: Evaluation) -> Section | None:
    """Metrics of every fold, their mean and standard deviation; None of one source."""
    scored = evaluation.scored
    if len(scored) == 1:
        return None
    splits = [each.split for each in scored]
    names = splits if len(set(splits)) == len(splits) else [str(each.predicted.subject.path) for each in scored]
    fold_of = np.repeat(names, [len(each.predicted.predictions.clip_ids) for each in scored])
    table = folds(evaluation.predictions, fold_of)
    mean, deviation = (table.set_index("fold").loc[row] for row in ("mean", "standard deviation"))
    varied = ", ".join(f"{name} {mean[name]:.3f} ± {deviation[name]:.3f}" for name in ("mAP", "F1", "accuracy"))
    return Section(
        "Folds",
        how="Each fold was scored by itself; the last rows are mean and standard deviation over folds.",
        conclusions=(f"{len(names)} folds, mean ± standard deviation: {varied}",),
        tables=(Table.of(table, sortable=False),),
        values={"folds": table},
    )


def folds(predictions: Predictions, fold_of: np.ndarray) -> pandas.DataFrame:
    """Metrics of every fold, and how they vary.

    Args:
        predictions: truth and scores of the clips of all folds, each scored by the model that did not learn from it.
        fold_of: (clips,) str, the fold of each clip.

    Returns:
        DataFrame, a row a fold (fold2 before fold10): fold, clips, classes (that have a positive in the fold), mAP,
        AUC, lwlrap, F1, accuracy. The last two rows are "mean" and "standard deviation" (of a sample: divided by
        folds - 1) over the folds where the figure is defined; clips and classes are missing there.
    """
    names = sorted(set(fold_of.tolist()), key=natural)
    rows = pandas.DataFrame([{"fold": name} | figures(predictions, fold_of == name) for name in names])
    over = rows[list(FIGURES)].agg(["mean", "std"]).assign(fold=["mean", "standard deviation"])
    return pandas.concat([rows, over], ignore_index=True).astype({"clips": "Int64", "classes": "Int64"})
