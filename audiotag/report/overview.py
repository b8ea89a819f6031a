"""What every report says of its classes, as plain values: key figures, means, a row a class, limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audiotag.metrics.bootstrap import Intervals
from audiotag.report import formats
from audiotag.report.report import Report

CLASS_METRICS = ("AUC", "F1", "precision", "recall")
_RARE, _WEAK = 10, 0.5
# By whether classes exclude each other.
_KEY_FIGURES = {
    False: ("mAP", "AUC", "lwlrap", "F1", "overall_ECE"),
    True: ("accuracy", "mAP", "AUC", "F1", "overall_ECE"),
}
_MEANINGS = {
    "mAP": "mean average precision: how well every class ranks its own clips first; 1 is perfect",
    "AUC": "chance that a clip with the class scores above one without, mean of classes; 0.5 is guessing",
    "lwlrap": "how high the true labels rank among a clip's scores; 1 is perfect",
    "F1": "balance of precision and recall of the decisions, mean of classes",
    "accuracy": "share of clips whose highest score is the right class",
    "overall_ECE": "how far scores lie from the observed frequencies, all scores together; 0 is perfect",
}


def key_figures(report: Report) -> list[dict[str, Any]]:
    """The few figures at the top: name, value, interval or None, meaning."""
    return [
        {
            "name": name.removeprefix("overall_"),
            "value": report.summary[name],
            "interval": bounds(report.intervals, name),
            "meaning": meaning,
        }
        for name, meaning in ((name, _MEANINGS[name]) for name in _KEY_FIGURES[report.predictions.task.exclusive])
    ]


def bounds(intervals: Intervals | None, name: str) -> tuple[float, float] | None:
    """The interval of a mean, where there is one that is defined."""
    ends = None if intervals is None else intervals.means.get(name)
    return ends if ends is not None and all(map(math.isfinite, ends)) else None


def interval_text(intervals: Intervals | None) -> str:
    """What the intervals mean, in one or two sentences."""
    if intervals is None:
        return "No intervals were computed: differences may be chance."
    if intervals.reason:
        return f"There are no intervals: {intervals.reason}."
    unit, whole = intervals.unit, ", each with all of its clips" if intervals.unit == "recording" else ""
    return (
        f"Intervals cover {formats.percent(intervals.level)}: the {intervals.units:,} {unit}s were drawn again "
        f"{intervals.resamples:,} times with replacement{whole}. They say how much a figure depends on "
        f"which {unit}s were measured; a class with few clips has a wide one."
    )


def means(report: Report) -> list[tuple[str, list[tuple[float, tuple[float, float] | None]]]]:
    """Metrics in three ways: mean over classes, weighted by clips, all pairs together; each with its interval."""
    rows = []
    for metric in ("AP", *CLASS_METRICS):
        keys = ("mAP" if metric == "AP" else metric, f"weighted_{metric}", f"micro_{metric}")
        rows.append((metric, [(report.summary.get(key, math.nan), bounds(report.intervals, key)) for key in keys]))
    return rows


def further_figures(report: Report) -> list[tuple[str, float, tuple[float, float] | None]]:
    """Figures that are neither a key figure nor among the averages."""
    titles = {
        "d_prime": "d′ of the mean AUC",
        "lwlrap": "lwlrap",
        "accuracy": "accuracy of clips" if report.predictions.task.exclusive else "right yes-or-no decisions",
        "top_3": "right class among the best 3",
        "top_5": "right class among the best 5",
        "Brier": "Brier score, mean of classes",
    }
    shown = _KEY_FIGURES[report.predictions.task.exclusive]
    return [
        (title, report.summary[name], bounds(report.intervals, name))
        for name, title in titles.items()
        if name in report.summary and name not in shown
    ]


def class_columns(report: Report) -> dict[str, list[str]]:
    """What sections say of every class: a cell a class by its heading."""
    return {
        heading: [formats.cell(value) for value in cells]
        for _, section in report.shown()
        for heading, cells in section.columns.items()
    }


def class_rows(report: Report) -> list[dict[str, Any]]:
    """A row a class: name, clips, AP with its interval, further metrics, threshold, cells of the sections' columns."""
    columns = class_columns(report).values()
    return [
        {
            "name": row["class"],
            "clips": int(row["positives"]),
            "AP": row["AP"],
            "low": row.get("AP_low", math.nan),
            "high": row.get("AP_high", math.nan),
            "metrics": [row[name] for name in CLASS_METRICS],
            "threshold": row["threshold"],
            "further": [cells[index] for cells in columns],
        }
        for index, row in report.with_intervals().iterrows()
    ]


def left_out(report: Report) -> list[tuple[str, list[str]]]:
    """Classes that means leave out: how many and of which mean, and their names."""
    points = []
    for key, mean in (
        ("without_positives", "the means"),
        ("without_negatives", "the mean of AUC; whatever the scores, their AP is 1"),
    ):
        if classes := report.summary[key]:
            share = f"{len(classes)} of {report.summary['classes']} classes"
            points.append((f"{share} {key.replace('_', ' ')}, left out of {mean}", classes))
    return points


def limits(report: Report) -> list[tuple[str, list[str]]]:
    """What the figures do not say by themselves: phrases, each with the classes that it is about."""
    judged = report.table[report.table["positives"] > 0]
    weak, rare = judged[judged["AP"] < _WEAK].sort_values("AP"), judged[judged["positives"] < _RARE]
    rare = rare.sort_values("positives", kind="stable")
    points = left_out(report)
    if named := [f"{name} ({value:.2f})" for name, value in zip(weak["class"], weak["AP"], strict=True)]:
        points.append((f"Not to be relied on, AP below {_WEAK}", named))
    if named := [f"{name} ({clips})" for name, clips in zip(rare["class"], rare["positives"], strict=True)]:
        points.append((f"Measured on fewer than {_RARE} clips, so their figures are rough", named))
    if report.predictions.known is not None:
        share = formats.percent(float(np.mean(~report.predictions.known)))
        points.append((f"{share} of all pairs of a clip and a class were judged by nobody and count nowhere", []))
    return points
