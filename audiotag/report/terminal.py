"""The report on a terminal: every class, the means, what they leave out, and how to see more."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas
    from rich.console import Console
    from rich.table import Table

    from audiotag.evaluation.sections.noise import FalseAlarms
    from audiotag.report.report import Report

SHOWN = ("AP", "AUC", "F1", "precision", "recall")
_ALL_SHOWN = 60
_EXTREMES = 15
_NAMED = 12
_MICRO = {"AP": "micro_AP", "AUC": "micro_AUC", "F1": "micro_F1", "precision": "micro_precision"}
_MICRO |= {"recall": "micro_recall"}


def show(report: Report, console: Console | None = None) -> None:
    """Print a report: a row a class in the order of the labels, or of more than 60 classes the extremes.

    Args:
        report: what `evaluate` returned.
        console: where to print. Default: standard output.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    means, table = report.summary, report.table
    head = f"{report.subject.name} on {report.data_set['name']}, {report.split}: "
    console.print(Text(f"{head}{means['clips']} clips, {means['classes']} classes"))
    console.print(_table(_parts(table), report))
    for line in figures(report):
        console.print(Text(line))
    for line in (*_left_out(report), *report.notes):
        console.print(Text(line, style="yellow"))
    if len(table) > _ALL_SHOWN:
        console.print(Text(f"every class: {report.out / 'metrics.csv'}"), soft_wrap=True)
    console.print(Text(f"{report.out / 'report.html'}", style="bold"), soft_wrap=True)
    console.print(Text(f"tensorboard --logdir {shlex.quote(str(report.out))}", style="bold"), soft_wrap=True)


def _parts(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """Rows by their title: all of them, or the extremes of many."""
    if len(table) <= _ALL_SHOWN:
        return {"": table}
    judged = table[table["AP"].notna()]
    ranked = judged.sort_values("AP", ascending=False, kind="stable")
    return {
        f"{_EXTREMES} best": ranked.head(_EXTREMES),
        f"{_EXTREMES} worst": ranked.tail(_EXTREMES),
        f"{_EXTREMES} rarest": judged.sort_values("positives", kind="stable").head(_EXTREMES),
    }


def _table(parts: dict[str, pandas.DataFrame], report: Report) -> Table:
    """Rows of classes in titled parts, then the means over classes and the figures over all clips."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    means, intervals = report.summary, report.intervals
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("class", overflow="fold")
    names = ["clips", *SHOWN]
    if intervals is not None:
        names.insert(2, f"{intervals.level:.0%}".replace("%", " %"))
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for title, rows in parts.items():
        if title:
            table.add_row(Text(title, style="bold"))
        for index, row in rows.iterrows():
            cells = [figure(row[name]) for name in SHOWN]
            if intervals is not None:
                cells.insert(1, between(*intervals.classes.loc[index, ["AP_low", "AP_high"]]))
            table.add_row(Text(row["class"]), str(row["positives"]), *cells)
        table.add_section()
    mean = [figure(means["mAP" if name == "AP" else name]) for name in SHOWN]
    together = [figure(means[_MICRO[name]]) for name in SHOWN]
    if intervals is not None:
        mean.insert(1, between(*intervals.means["mAP"]))
        together.insert(1, "")
    table.add_row("mean of classes", "", *mean, style="bold")
    table.add_row("all clips together", str(means["clips"]), *together, style="bold")
    return table


def figures(report: Report) -> list[str]:
    """Lines about the whole: accuracy or thresholds, calibration, noise, folds, sound events."""
    means, intervals, lines = report.summary, report.intervals, []
    if report.predictions.task == "multiclass":
        ends = "" if intervals is None else between(*intervals.means["accuracy"])
        found = f" ({ends})" if ends else ""
        tops = ", ".join(f"top {k} {figure(means[f'top_{k}'])}" for k in (3, 5) if f"top_{k}" in means)
        lines.append(f"accuracy {figure(means['accuracy'])}{found}{', ' if tops else ''}{tops}")
    else:
        lines.append(f"thresholds of F1, precision and recall: {report.thresholds_from}")
    before = "" if report.uncalibrated is None else f", {report.uncalibrated.ece:.3f} without"
    lines.append(
        f"calibration: {report.calibration}; calibration error {report.reliability.ece:.3f}{before}, "
        f"Brier {figure(means['Brier'])}"
    )
    if intervals is not None and intervals.reason:
        lines.append(f"no intervals: {intervals.reason}")
    elif intervals is not None:
        lines.append(
            f"intervals: {intervals.level:.0%}, {intervals.resamples} resamples of {intervals.units} "
            f"{intervals.unit}s".replace("%,", " %,")
        )
    if report.noise is not None:
        lines.append(_noise(report.noise, report.predictions.labels.names))
    if report.sound_events is not None:
        found = report.sound_events.means
        told = ", ".join(f"{name.replace('_', ' ')} {figure(value)}" for name, value in found.items())
        lines.append(f"onsets and offsets: {told}")
    if report.folds is not None:
        by_name = report.folds.set_index("fold")
        mean, spread = by_name.loc["mean"], by_name.loc["standard deviation"]
        parts = ", ".join(f"{name} {mean[name]:.3f} ± {spread[name]:.3f}" for name in ("mAP", "F1", "accuracy"))
        lines.append(f"{len(report.folds) - 2} folds, mean ± standard deviation: {parts}")
    return lines


def _noise(found: FalseAlarms, names: tuple[str, ...]) -> str:
    """How often anything is found in noise, and what most."""
    loudest = np.argsort(-found.per_hour, kind="stable")[:3]
    most = ", ".join(f"{names[index]} ({found.counts[:, index].sum()})" for index in loudest if found.per_hour[index])
    head = f"noise and silence: something is found in {int(found.alarmed.sum())} of {int(found.windows.sum())} windows"
    return f"{head}, most often {most}" if most else head


def _left_out(report: Report) -> list[str]:
    means, lines = report.summary, []
    for key, metric in (("without_positives", "the means"), ("without_negatives", "the mean of AUC")):
        if means[key]:
            noun = key.replace("_", " ")
            count = f"{len(means[key])} of {means['classes']} classes {noun}, left out of {metric}: "
            lines.append(count + _named(means[key]))
    return lines


def figure(value: float) -> str:
    """Three decimals; a dash for what is not defined."""
    return "—" if math.isnan(value) else f"{value:.3f}"


def between(low: float, high: float) -> str:
    """An interval in two decimals; nothing where it is not defined."""
    return "" if math.isnan(low) else f"{low:.2f}–{high:.2f}"


def _named(names: list[str]) -> str:
    more = f" … and {len(names) - _NAMED} more in metrics.csv" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
