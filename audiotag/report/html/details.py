"""What the page draws when a class is opened: its curves, its scores and its confusions, as compact JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audiotag.metrics.confusion import confusion
from audiotag.metrics.curves import curves, histogram
from audiotag.metrics.per_class import METRICS
from audiotag.report.report import Report

_CONFUSED, _BINS = 5, 20
_SCALE = 1000  # curves are drawn on fewer points than this


def details(report: Report) -> dict[str, Any]:
    """Everything that `report.js` needs beyond the tables.

    Args:
        report: what an evaluation found.

    Returns:
        `names`, `task` and `classes`: one record a class, all numbers finite or None. Curves are lists of thousandths.
    """
    predictions = report.predictions
    counts, _ = confusion(predictions)
    records = []
    for index, row in enumerate(report.with_intervals().to_dict("records")):
        truth, scores = predictions.of_class(index)
        ranking = curves(truth, scores) if len(truth) else curves(np.zeros(1, bool), np.zeros(1))
        records.append(
            {
                "positives": int(row["positives"]),
                "predicted": int(row["predicted"]),
                "judged": len(truth),
                "threshold": _rounded(float(row["threshold"])),
                "pr": [_thousandths(ranking.recall), _thousandths(ranking.precision)],
                "roc": [_thousandths(ranking.false_positive_rate), _thousandths(ranking.true_positive_rate)],
                "scores": [histogram(scores[chosen], _BINS)[0].tolist() for chosen in (truth, ~truth)],
                "taken_for": _largest(counts[index], index),
                "taken_from": _largest(counts[:, index], index),
                "metrics": _metrics(row),
            }
        )
    return {"names": list(predictions.labels.names), "task": predictions.task, "classes": records}


def _metrics(row: dict[str, Any]) -> dict[str, list[float | None]]:
    """Value and, where there is one, interval of every metric of a class."""
    keys = {name: (name, f"{name}_low", f"{name}_high") for name in METRICS}
    return {name: [_rounded(row[key]) for key in of_name if key in row] for name, of_name in keys.items()}


def _largest(counts: np.ndarray, index: int) -> list[list[int]]:
    """The other classes of the largest counts: [class, count], largest first."""
    others = counts.copy()
    others[index] = 0
    order = np.argsort(-others, kind="stable")[:_CONFUSED]
    return [[int(other), int(others[other])] for other in order if others[other]]


def _thousandths(values: np.ndarray) -> list[int]:
    return (values * _SCALE).round().astype(int).tolist()


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
