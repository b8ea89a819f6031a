"""What the page draws when a class is opened: its curves, its scores and its confusions, as compact JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.metrics.per_class import METRICS
from audiotag.report.html.curves import curves, histogram

if TYPE_CHECKING:
    from audiotag.report.report import Report

_CONFUSED = 5
_SCALE = 1000  # curves are drawn on fewer points than this


def details(report: Report, counts: np.ndarray) -> dict[str, Any]:
    """Everything that `report.js` needs beyond the tables.

    Args:
        report: what an evaluation found.
        counts: (classes, classes) int64, see `confusion.confusion`.

    Returns:
        `names`, `task` and `classes`: one record a class, all numbers finite or None. Curves are lists of thousandths.
    """
    found = report.predictions
    truth = found.targets.astype(bool)
    records = []
    for index, row in enumerate(report.table.to_dict("records")):
        judged = slice(None) if found.known is None else found.known[:, index]
        held, scores = truth[judged, index], found.scores[judged, index]
        ranking = curves(held, scores) if len(held) else curves(np.zeros(1, bool), np.zeros(1))
        with_class, without = histogram(held, scores)
        records.append(
            {
                "positives": int(row["positives"]),
                "predicted": int(row["predicted"]),
                "judged": len(held),
                "threshold": _rounded(float(row["threshold"])),
                "pr": [_thousandths(ranking.recall), _thousandths(ranking.precision)],
                "roc": [_thousandths(ranking.false_positive_rate), _thousandths(ranking.true_positive_rate)],
                "scores": [with_class.tolist(), without.tolist()],
                "taken_for": _largest(counts[index], index),
                "taken_from": _largest(counts[:, index], index),
                "metrics": _metrics(report, index, row),
            }
        )
    return {"names": list(found.labels.names), "task": found.task, "classes": records}


def _metrics(report: Report, index: int, row: dict[str, Any]) -> dict[str, list[float | None]]:
    """Value and, where there is one, interval of every metric of a class."""
    intervals = {} if report.intervals is None else report.intervals.classes.loc[index].to_dict()
    found = {}
    for name in METRICS:
        bounds = [intervals[key] for key in (f"{name}_low", f"{name}_high") if key in intervals]
        found[name] = [_rounded(value) for value in (row[name], *bounds)]
    return found


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
