"""Pictures of all classes: ROC, average precision by class and by clips, scores of the worst classes."""

from __future__ import annotations

import math

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator

from audiotag.metrics.bootstrap import Intervals
from audiotag.metrics.curves import curves, histogram
from audiotag.report.formats import short
from audiotag.report.report import Report
from audiotag.report.tensorboard.png import BLUE, GREEN, GREY, ORANGE, axes_of, content, legend, new, quiet

_NAMED_CURVES = 5
_ALL_BARS = 60
_BARS = 25
_HISTOGRAMS, _BINS = 12, 25
_DECADE = 10
_LINE = 0.045  # height of a name between 0 and 1
_GRID = 201
_ROC_CLIPS = "share of the clips without the class that are false alarms"


def roc(report: Report) -> bytes:
    """ROC of every class in grey, their mean with its spread, the worst and the best by name."""
    table = report.table[report.table["AUC"].notna()].sort_values("AUC", kind="stable")
    grid = np.linspace(0.0, 1.0, _GRID)
    rates = np.array([_roc(*report.predictions.of_class(index), grid) for index in table.index])
    figure = new(figsize=(7.4, 4.6))
    axes = axes_of(figure, f"ROC of {len(table)} classes, {report.subject.name} on {report.split}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance")
    if len(table):
        low, high = np.percentile(rates, [10, 90], axis=0)
        axes.plot(grid, rates.T, color=GREY, linewidth=0.5, alpha=max(0.06, 0.5 / math.sqrt(len(table))))
        axes.fill_between(grid, low, high, color=BLUE, alpha=0.15, linewidth=0, label="four fifths of the classes")
        named = min(_NAMED_CURVES, len(table) // 2)
        shades = np.linspace(1.0, 0.45, max(named, 1))
        for colour, places in ((ORANGE, range(named)), (GREEN, range(len(table) - 1, len(table) - 1 - named, -1))):
            for place, shade in zip(places, shades, strict=False):
                row = table.iloc[place]
                label = f"{short(row['class'])}  {row['AUC']:.3f}"
                axes.plot(grid, rates[place], color=colour, alpha=shade, linewidth=1.2, label=label)
        axes.plot(grid, rates.mean(axis=0), color=BLUE, linewidth=2.5, label=f"mean  {report.summary['AUC']:.3f}")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=_ROC_CLIPS, ylabel="share of its clips that are found")
    legend(axes, title="area under the curve", title_fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return content(figure)


def _roc(truth: np.ndarray, scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """True positive rates at the false positive rates of a grid; on a vertical part of the curve its upper end."""
    whole = curves(truth, scores, most=5 * _GRID)
    top = np.append(np.diff(whole.false_positive_rate) > 0, True)
    return np.interp(grid, whole.false_positive_rate[top], whole.true_positive_rate[top])


def average_precision(report: Report) -> bytes:
    """Every class's average precision as a bar with its interval, best first; of more than 60 classes the extremes."""
    table = report.table[report.table["AP"].notna()].sort_values("AP", ascending=False, kind="stable")
    parts = [table] if len(table) <= _ALL_BARS else [table.head(_BARS), table.tail(_BARS)]
    figure = new(figsize=(4.2 * len(parts) + 1.4, max(2.6, 0.17 * len(parts[0]) + 1.1)))
    interval = "" if report.intervals is None else f" with {report.intervals.level:.0%} intervals"
    title = f"Average precision{interval} (in brackets: clips of the class)"
    figure.suptitle(f"{title}\n{report.subject.name} on {report.split}", fontsize=10, parse_math=False)
    for place, (axes, rows) in enumerate(zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True)):
        quiet(axes)
        if len(parts) == 2:
            axes.set_title(f"the {len(rows)} {'worst' if place else 'best'} of {len(table)} classes", fontsize=10)
        _bars(axes, rows, report.intervals)
        axes.axvline(report.summary["mAP"], color=ORANGE, linewidth=1.2)
        axes.set(xlim=(0, 1), xlabel=f"average precision (orange: mean {report.summary['mAP']:.3f})")
    return content(figure)


def _bars(axes: Axes, rows: pandas.DataFrame, intervals: Intervals | None) -> None:
    height = np.arange(len(rows))
    axes.barh(height, rows["AP"], color=BLUE, alpha=0.75, height=0.75)
    if intervals is not None:
        bounds = intervals.classes.loc[rows.index]
        low, high = bounds["AP_low"].to_numpy(), bounds["AP_high"].to_numpy()
        axes.hlines(height, low, high, color="0.15", linewidth=1.2)
        axes.plot(np.concatenate([low, high]), np.tile(height, 2), "|", color="0.15", markersize=5)
    names = [f"{short(name)} ({clips})" for name, clips in zip(rows["class"], rows["positives"], strict=True)]
    axes.set_yticks(height, names, fontsize=8, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def average_precision_by_clips(report: Report) -> bytes:
    """Every class as a dot: its average precision above how many clips it has; of few classes the worst by name."""
    table = report.table[report.table["AP"].notna()]
    figure = new(figsize=(5.8, 4.2))
    axes = axes_of(figure, f"Rare and frequent classes, {report.subject.name} on {report.split}")
    axes.scatter(table["positives"], table["AP"], s=18, color=BLUE, alpha=0.6, linewidth=0)
    axes.axhline(report.summary["mAP"], color=ORANGE, linewidth=1.2, label=f"mean {report.summary['mAP']:.3f}")
    heights: dict[int, float] = {}  # of the highest name above a number of clips
    for row in table.nsmallest(_NAMED_CURVES, "AP").to_dict("records") if len(table) <= _ALL_BARS else ():
        height = max(row["AP"], heights.get(row["positives"], -1.0) + _LINE)
        heights[row["positives"]] = height
        place = (row["positives"], height)
        axes.annotate(short(row["class"]), place, (5, 4), textcoords="offset points", fontsize=8, parse_math=False)
    if table["positives"].max() > _DECADE * table["positives"].min():
        axes.set_xscale("log")
        decades = math.log10(table["positives"].max() / table["positives"].min())
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,)))
        axes.xaxis.set_minor_formatter("")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(ylim=(-0.02, 1.02), xlabel="clips of the class", ylabel="average precision")
    axes.legend(fontsize=9, loc="lower right")
    return content(figure)


def scores_of_worst(report: Report) -> bytes:
    """Scores of the clips with and without the class, of the twelve classes of lowest average precision."""
    judged_classes = int(report.table["AP"].notna().sum())
    table = report.table.nsmallest(min(_HISTOGRAMS, judged_classes), "AP")
    columns = min(4, max(len(table), 1))
    rows = max(-(-len(table) // columns), 1)
    figure = new(figsize=(2.3 * columns, 1.7 * rows + 0.7))
    exclusive = report.predictions.task.exclusive
    which = f"the {len(table)} worst of {judged_classes} classes" if len(table) < judged_classes else "every class"
    figure.suptitle(f"Scores of clips with the class (orange) and without (blue): {which}", fontsize=10)
    figure.supxlabel("score" if exclusive else "score (share of clips, dashed: threshold)", fontsize=9)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes, index in zip(grid, table.index, strict=False):
        truth, scores = report.predictions.of_class(index)
        for chosen, colour in ((~truth, BLUE), (truth, ORANGE)):
            counts, edges = histogram(scores[chosen], _BINS)
            axes.stairs(counts / max(counts.sum(), 1), edges, fill=True, color=colour, alpha=0.6)
        if not exclusive:
            axes.axvline(report.table.loc[index, "threshold"], color="0.2", linewidth=1, linestyle="--")
        quiet(axes)
        title = f"{short(table.loc[index, 'class'])}  AP {table.loc[index, 'AP']:.3f}"
        axes.set_title(title, fontsize=9, parse_math=False)
        axes.tick_params(labelsize=7)
        axes.set_xlim(0, 1)
    for axes in grid[len(table) :]:
        axes.set_visible(False)
    return content(figure)


PICTURES = {
    "average_precision": average_precision,
    "average_precision_by_clips": average_precision_by_clips,
    "roc": roc,
    "scores_of_worst_classes": scores_of_worst,
}
"""By their tags."""
