"""The report on a terminal: every class, the means, what they leave out, and how to see more."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from audiotag.evaluation.metrics import METRICS

if TYPE_CHECKING:
    import pandas
    from rich.console import Console
    from rich.table import Table

    from audiotag.evaluation.report import Report

_ALL_SHOWN = 60
_EXTREMES = 15
_NAMED = 40
_ACCURACY = {
    "multiclass": "accuracy of a class: this class or not; of all clips: the right class",
    "multilabel": "accuracy: right yes-or-no decisions",
}


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
    console.print(Text(f"{report.data_set}, {report.split}: {means['clips']} clips, {means['classes']} classes"))
    judged = table[table["positives"] > 0]
    if len(table) <= _ALL_SHOWN:
        parts = {"": table}
    else:
        ranked = judged.sort_values("AP", ascending=False, kind="stable")
        parts = {
            f"{_EXTREMES} best": ranked.head(_EXTREMES),
            f"{_EXTREMES} worst": ranked.tail(_EXTREMES),
            f"{_EXTREMES} rarest": judged.sort_values("positives", kind="stable").head(_EXTREMES),
        }
    console.print(_table(parts, report))
    for key, metric in (("without_positives", "every mean"), ("without_negatives", "the mean of AUC")):
        if means[key]:
            noun = key.replace("_", " ")
            count = f"{len(means[key])} of {means['classes']} classes {noun}, left out of {metric}: "
            console.print(Text(count + _named(means[key]), style="yellow"))
    if len(table) > _ALL_SHOWN:
        console.print(Text(f"every class: {report.run / 'metrics.csv'}"), soft_wrap=True)
    console.print(Text(f"tensorboard --logdir {shlex.quote(str(report.run))}", style="bold"), soft_wrap=True)


def _table(parts: dict[str, pandas.DataFrame], report: Report) -> Table:
    """Rows of classes in titled parts, then the means over classes and the figures over all clips."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    means = report.summary
    layout = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "pad_edge": False}
    table = Table(**layout, caption=_ACCURACY[report.predictions.task], caption_justify="left")
    table.add_column("class", overflow="fold")
    for name in ("clips", *METRICS):
        table.add_column(name, justify="right", no_wrap=True)
    for title, rows in parts.items():
        if title:
            table.add_row(Text(title, style="bold"))
        for row in rows.to_dict("records"):
            cells = (_figure(row[name]) for name in METRICS)
            table.add_row(Text(row["class"]), str(row["positives"]), *cells)
        table.add_section()
    mean = (_figure(report.table[name].mean()) for name in METRICS)
    table.add_row("mean of classes", "", *mean, style="bold")
    together = {"AP": means["micro_AP"], "F1": means["micro_F1"], "accuracy": means["accuracy"]}
    cells = (_figure(together[name]) if name in together else "" for name in METRICS)
    table.add_row("all clips together", str(means["clips"]), *cells, style="bold")
    return table


def _figure(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.3f}"


def _named(names: list[str]) -> str:
    more = f" … and {len(names) - _NAMED} more in metrics.csv" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
