"""What the sections of the page say, as plain values: key figures, means, classes, confusions, slices, noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

    from audiotag.metrics.bootstrap import Intervals
    from audiotag.report.report import Report

RARE = 10
_CONFUSIONS = 20
_ANSWERING = 5
_KEY_FIGURES = {
    "multilabel": ("mAP", "AUC", "lwlrap", "F1", "ECE"),
    "multiclass": ("accuracy", "mAP", "AUC", "F1", "ECE"),
}
_MEANINGS = {
    "mAP": "mean average precision: how well every class ranks its own clips first; 1 is perfect",
    "AUC": "chance that a clip with the class scores above one without, mean of classes; 0.5 is guessing",
    "lwlrap": "how high the true labels rank among a clip's scores; 1 is perfect",
    "F1": "balance of precision and recall of the decisions, mean of classes",
    "accuracy": "share of clips whose highest score is the right class",
    "ECE": "how far scores lie from the observed frequencies, mean of classes; 0 is perfect",
}
_AVERAGED = ("AP", "AUC", "F1", "precision", "recall")
CLASS_METRICS = ("AUC", "F1", "precision", "recall")


def key_figures(report: Report) -> list[dict[str, Any]]:
    """The few figures at the top: name, value, interval or None, meaning."""
    return [
        {
            "name": name,
            "value": report.summary[name],
            "interval": bounds(report.intervals, name),
            "meaning": _MEANINGS[name],
        }
        for name in _KEY_FIGURES[report.predictions.task]
    ]


def bounds(intervals: Intervals | None, name: str) -> tuple[float, float] | None:
    """The interval of a mean, where there is one that is defined."""
    found = None if intervals is None else intervals.means.get(name)
    return found if found is not None and all(math.isfinite(value) for value in found) else None


def interval_text(intervals: Intervals | None) -> str:
    """What the intervals mean, in one or two sentences."""
    if intervals is None:
        return "No intervals were computed: differences may be chance."
    if intervals.reason:
        return f"There are no intervals: {intervals.reason}."
    unit, whole = intervals.unit, ", each with all of its clips" if intervals.unit == "recording" else ""
    return (
        f"Intervals cover {intervals.level:.0%}: the {intervals.units:,} {unit}s were drawn again "
        f"{intervals.resamples:,} times with replacement{whole}. They say how much a figure depends on "
        f"which {unit}s were measured; a class with few clips has a wide one."
    )


def means(report: Report) -> list[tuple[str, list[tuple[float, tuple[float, float] | None]]]]:
    """Metrics in three ways: mean over classes, weighted by clips, all pairs together; each with its interval."""
    rows = []
    for metric in _AVERAGED:
        names = ("mAP" if metric == "AP" else metric, f"weighted_{metric}", f"micro_{metric}")
        cells = [(report.summary.get(name, math.nan), bounds(report.intervals, name)) for name in names]
        rows.append((metric, cells))
    return rows


def further_figures(report: Report) -> list[tuple[str, float, tuple[float, float] | None]]:
    """Figures that are neither a key figure nor among the averages."""
    multiclass = report.predictions.task == "multiclass"
    names = {
        "d_prime": "d′ of the mean AUC",
        "lwlrap": "lwlrap",
        "accuracy": "accuracy of clips" if multiclass else "right yes-or-no decisions",
        "top_3": "right class among the best 3",
        "top_5": "right class among the best 5",
        "Brier": "Brier score, mean of classes",
    }
    shown = _KEY_FIGURES[report.predictions.task]
    return [
        (text, report.summary[name], bounds(report.intervals, name))
        for name, text in names.items()
        if name in report.summary and name not in shown
    ]


def class_rows(report: Report) -> list[dict[str, Any]]:
    """A row a class: name, clips, metrics, the interval of AP, threshold, false alarms per hour on noise."""
    intervals = None if report.intervals is None else report.intervals.classes
    alarms = None if report.noise is None else report.noise.per_hour
    rows = []
    for index, row in report.table.iterrows():
        low, high = (math.nan, math.nan) if intervals is None else intervals.loc[index, ["AP_low", "AP_high"]]
        rows.append(
            {
                "name": row["class"],
                "clips": int(row["positives"]),
                "AP": row["AP"],
                "low": low,
                "high": high,
                "metrics": [row[name] for name in CLASS_METRICS],
                "threshold": row["threshold"],
                "alarms": None if alarms is None else alarms[index],
            }
        )
    return rows


def confusions(counts: np.ndarray, clips: np.ndarray, names: tuple[str, ...]) -> list[list[Any]]:
    """The strongest confusions, a row each: true class, predicted class, count, clips of the true class, share.

    Ordered by count times share, as `confusion.most_confused` weighs them.
    """
    size = counts.astype(np.float64) ** 2 / np.maximum(clips, 1)[:, None]
    np.fill_diagonal(size, 0.0)
    order = np.argsort(-size, axis=None, kind="stable")[:_CONFUSIONS]
    return [
        [names[true], names[predicted], counts[true, predicted], clips[true], counts[true, predicted] / clips[true]]
        for true, predicted in zip(*np.unravel_index(order, size.shape), strict=True)
        if size[true, predicted]
    ]


def slice_tables(slices: pandas.DataFrame) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """By column of the clips: the names of the figures, and a row a value."""
    if slices.empty:
        return {}
    return {
        str(column): table_of(part.drop(columns="column"))
        for column, part in slices.groupby("column", sort=False, observed=True)
    }


def table_of(frame: pandas.DataFrame) -> tuple[list[str], list[list[Any]]]:
    """Column names without those that are nowhere defined, and the rows."""
    kept = frame.dropna(axis="columns", how="all")
    return [str(name) for name in kept.columns], kept.to_numpy(dtype=object).tolist()


def noise_table(report: Report) -> dict[str, Any] | None:
    """False alarms by kind of noise, the classes that answered most, and what one of them weighs an hour."""
    noise = report.noise
    if noise is None:
        return None
    names = report.predictions.labels.names
    rows = [
        [kind, _loudest(noise.counts[place], names), int(noise.windows[place]), f"{noise.shares[place]:.0%}"]
        for place, kind in enumerate(noise.kinds)
    ]
    rows.append(
        ["all kinds", _loudest(noise.counts.sum(axis=0), names), int(noise.windows.sum()), f"{noise.share:.0%}"]
    )
    hours = float(noise.hours.sum())
    text = f"{hours * 60:.1f} minutes were heard: one false alarm counts as {1 / hours:.2g} an hour."
    columns = ["noise", "classes that answered (windows)", "windows", "with a false alarm"]
    return {"columns": columns, "rows": rows, "text": text}


def _loudest(counts: np.ndarray, names: tuple[str, ...]) -> str:
    """The classes of most false alarms, with their number."""
    order = [index for index in np.argsort(-counts, kind="stable") if counts[index]]
    shown = "; ".join(f"{names[index]} ({counts[index]})" for index in order[:_ANSWERING])
    more = f" and {len(order) - _ANSWERING} more" if len(order) > _ANSWERING else ""
    return shown + more or "none"


def sound_events(report: Report) -> dict[str, Any] | None:
    """How well onsets and offsets were found: means, a row a class, and what was counted as found."""
    found = report.sound_events
    if found is None:
        return None
    columns, rows = table_of(found.classes)
    means = [(name.replace("_", " "), f"{value:.3f}") for name, value in found.means.items()]
    weak = [("clips left out, whose events have no times", str(found.weakly_labelled))] if found.weakly_labelled else []
    return {
        "figures": means,
        "columns": columns,
        "rows": rows,
        "parameters": [("clips", f"{found.clips:,}"), *weak, *found.parameters.items()],
    }


def must_know(report: Report) -> list[tuple[str, list[str]]]:
    """What the figures do not say by themselves: sentences, each with the classes that it is about."""
    names = report.summary
    table = report.table
    rare = table.loc[(table["positives"] > 0) & (table["positives"] < RARE), "class"].tolist()
    points: list[tuple[str, list[str]]] = [(note, []) for note in report.notes]
    if names["without_positives"]:
        text = "No clip has these classes: nothing is known about them, and no mean counts them."
        points.append((f"{_classes(names['without_positives'])} without clips. {text}", names["without_positives"]))
    if names["without_negatives"]:
        text = "Every clip has these classes: their AUC is not defined, and its mean does not count them."
        points.append((f"{_classes(names['without_negatives'])} in every clip. {text}", names["without_negatives"]))
    if rare:
        text = "Their figures are rough: see the intervals."
        points.append((f"{_classes(rare)} with fewer than {RARE} clips. {text}", rare))
    known = report.predictions.known
    if known is not None:
        text = "pairs of a clip and a class were judged by nobody and count nowhere."
        points.append((f"{np.mean(~known):.0%} of all {text}", []))
    if report.noise is not None and report.noise.alarmed.any():
        windows = f"{report.noise.alarmed.sum()} of {report.noise.windows.sum()} windows"
        points.append((f"In {windows} of noise or silence a class was heard: see below.", []))
    if report.predictions.task == "multilabel":
        points.append((f"Thresholds: {report.thresholds_from}.", []))
    points.append((f"Calibration of the scores: {report.calibration}.", []))
    return points


def _classes(names: list[str]) -> str:
    return f"{len(names)} {'class' if len(names) == 1 else 'classes'}"
