"""The report on a terminal: every class, the means, what they leave out, and how to see more."""

from __future__ import annotations

import shlex

import pandas
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from audiotag.report import overview
from audiotag.report.formats import between, figure, names, percent
from audiotag.report.report import Report

SHOWN = ("AP", "AUC", "F1", "precision", "recall")
_ALL_SHOWN, _EXTREMES, _NAMED = 60, 15, 12


def show(report: Report, console: Console | None = None) -> None:
    """Print a report: a row a class in the order of the labels, or of more than 60 classes the extremes.

    Args:
        report: what `evaluate` returned.
        console: where to print. Default: standard output.
    """
    console = console or Console()
    means, table = report.summary, report.table
    head = f"{report.subject.name} on {report.data_set['name']}, {report.split}: "
    console.print(Text(f"{head}{means['clips']} clips, {means['classes']} classes"))
    console.print(_table(_parts(table), report))
    for line in (*_decisions(report), *report.conclusions, *_intervals(report)):
        console.print(Text(line))
    left_out = [f"{text}: {names(classes, _NAMED, ' in metrics.csv')}" for text, classes in overview.left_out(report)]
    for line in (*left_out, *report.notes):
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
    means, intervals = report.summary, report.intervals
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("class", overflow="fold")
    interval = [] if intervals is None else [_spaced(intervals.level)]
    for name in ("clips", SHOWN[0], *interval, *SHOWN[1:]):
        table.add_column(name, justify="right", no_wrap=True)

    def cells(values: list[float], ends: tuple[float, float] | None) -> list[str]:
        texts = [figure(value) for value in values]
        return [texts[0], *([] if intervals is None else ["" if ends is None else between(*ends, 2)]), *texts[1:]]

    for title, rows in parts.items():
        if title:
            table.add_row(Text(title, style="bold"))
        for index, row in rows.iterrows():
            ends = None if intervals is None else intervals.classes.loc[index, ["AP_low", "AP_high"]]
            table.add_row(Text(row["class"]), str(row["positives"]), *cells([row[name] for name in SHOWN], ends))
        table.add_section()
    mean, _, together = zip(*(values for _, values in overview.means(report)), strict=True)
    table.add_row("mean of classes", "", *cells([value for value, _ in mean], mean[0][1]), style="bold")
    over_all = cells([value for value, _ in together], None)
    table.add_row("all clips together", str(means["clips"]), *over_all, style="bold")
    return table


def _decisions(report: Report) -> list[str]:
    """Accuracy, or where thresholds come from."""
    if not report.predictions.task.exclusive:
        return [f"thresholds of F1, precision and recall: {report.thresholds_from}"]
    ends = overview.bounds(report.intervals, "accuracy")
    interval = "" if ends is None else f" ({between(*ends, 2)})"
    tops = "".join(f", top {k} {figure(report.summary[f'top_{k}'])}" for k in (3, 5) if f"top_{k}" in report.summary)
    return [f"accuracy {figure(report.summary['accuracy'])}{interval}{tops}"]


def _intervals(report: Report) -> list[str]:
    intervals = report.intervals
    if intervals is None:
        return []
    if intervals.reason:
        return [f"no intervals: {intervals.reason}"]
    drawn = f"{intervals.resamples} resamples of {intervals.units} {intervals.unit}s"
    return [f"intervals: {_spaced(intervals.level)}, {drawn}"]


def _spaced(share: float) -> str:
    return percent(share).replace("%", " %")
