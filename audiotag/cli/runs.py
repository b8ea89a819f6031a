"""`audiotag runs`: every run below some folders, with what it was trained with and what it reached."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from audiotag.runs import RunTable

_TITLES = {"data_name": "data", "epoch": "epochs", "best_epoch": "best", "modified": "when", "bytes": "size"}
_TEXTS = ("name", "state", "data_name", "model", "teacher", "folder", "notes")


class Format(StrEnum):
    """How the runs are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def runs(
    folders: Annotated[
        list[str] | None, typer.Argument(help="Folders or addresses. Default: runs.", metavar="FOLDER")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help="Column to sort by, the best first: mAP, val_loss, modified … Default: by name.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to show, with commas. Default: what differs; in csv and json all there are."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How they are printed.")] = Format.TABLE,
) -> None:
    """List all runs, sortable, with their metrics.

    A folder is a run where it holds a recipe.toml. Metrics of training (val_...) are those of the epoch whose weights
    are kept; mAP and the like are of `audiotag evaluate`, and esc50/mAP of one on another data set. The default table
    shows of the recipes what differs between the runs. No weights are read.
    """
    from audiotag.runs import read_all, table

    wanted = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    listed = read_all(folders or ["runs"])
    shown = table(listed, wanted, sort, whole=form is not Format.TABLE)
    if form is Format.JSON:
        rows = [{name: _plain(row.get(name)) for name in shown.columns} for row in shown.rows]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif form is Format.CSV:
        typer.echo(_csv(shown), nl=False)
    elif not listed:
        typer.echo(f"no runs below {', '.join(folders or ['runs'])}")
    else:
        print_table(shown)


def print_table(shown: RunTable) -> None:
    """Print runs as a table for people; below it what found no room on the terminal, and what is damaged."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    cells = {name: [_cell(name, row, shown.figures) for row in shown.rows] for name in shown.columns}
    titles = {name: _TITLES.get(name, name) for name in shown.columns}
    widths = {name: max(map(cell_len, (titles[name], *cells[name]))) + 2 for name in shown.columns}
    printed, left_out = list(shown.columns), []
    while console.is_terminal and sum(widths[name] for name in printed) > console.width and len(printed) > 1:
        left_out.insert(0, printed.pop())
    console.width = max(console.width, sum(widths[name] for name in printed) + 1)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in printed:
        table.add_column(Text(titles[name]), justify="left" if name in _TEXTS else "right", no_wrap=True)
    for values in zip(*(cells[name] for name in printed), strict=True):
        table.add_row(*map(Text, values))
    console.print(table)
    if left_out:
        console.print(Text(f"No room for {', '.join(left_out)}: choose with --columns"), soft_wrap=True)
    for row in shown.rows:
        if row["notes"]:
            console.print(Text(f"{row['folder']}: {row['notes']}", style="yellow"), soft_wrap=True)


def _cell(name: str, row: dict[str, Any], figures: frozenset[str]) -> str:
    from audiotag.report import formats

    value = row.get(name)
    if name == "epoch":
        done, wanted = (formats.DASH if each is None else str(each) for each in (value, row.get("epochs")))
        return f"{done}/{wanted}"
    if value is None:
        return formats.DASH
    if name in figures:
        return formats.figure(value)
    if name == "parameters":
        return f"{value / 1e6:.2f} M"
    if name == "bytes":
        return f"{value / 1e6:.1f} MB"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _csv(shown: RunTable) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(shown.columns)
    writer.writerows([_plain(row.get(name)) for name in shown.columns] for row in shown.rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    # NaN and infinity are no JSON.
    return value if not isinstance(value, float) or abs(value) < float("inf") else None
