"""`audiotag summary` and `audiotag cut`: what a folder of results holds, as a table, a picture and as sound."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from audiotag import storage

Folder = Annotated[Path, typer.Argument(help="Folder that `audiotag tag --out` made.", metavar="RESULTS")]


def summary(
    results: Folder,
    top: Annotated[int, typer.Option(help="Labels that are shown, the most frequent first.")] = 40,
    picture: Annotated[
        Path | None, typer.Option(help="A PNG by hour of the day and by day.", parser=storage.here, metavar="<path>")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="All tags as one file: .csv, .jsonl or .parquet.", parser=storage.here, metavar="<path>"),
    ] = None,
    format: Annotated[Literal["table", "csv"], typer.Option(help="table, or csv with all labels.")] = "table",
) -> None:
    """How often each label was found, and at which hours of the day.

    The hours are those of the recordings, by what their recorders or names say.
    """
    from audiotag.tagging import results as folder
    from audiotag.tagging import summary as summaries

    if table is not None:
        folder.check_table(table)
    found = folder.read(results)
    counted = summaries.counts(found)
    if table is not None:
        folder.write_table(found, table)
        typer.echo(f"{table}: {len(found):,} tags", err=True)
    if picture is not None:
        summaries.draw(found, picture)
        typer.echo(f"{picture} is drawn", err=True)
    if format == "csv":
        counted.to_csv(sys.stdout)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False)
    shown.add_column("label", overflow="fold")
    for heading in ("tags", "recordings", "best"):
        shown.add_column(heading, justify="right")
    timed = counted["first"].notna().any()
    if timed:
        shown.add_column("0    6     12    18   23", no_wrap=True)
    for label, row in counted.head(top).iterrows():
        cells = [Text(str(label)), f"{row.tags:,}", f"{row.recordings:,}", f"{row.best:.3f}"]
        hours = [Text(summaries.shades(row[summaries.HOURS].to_numpy(int)))] if timed else []
        shown.add_row(*cells, *hours)
    Console().print(shown)
    typer.echo(f"{len(found):,} tags of {len(counted)} labels in {found['file'].nunique():,} recordings")


def cut(
    results: Folder,
    out: Annotated[Path, typer.Option(help="Folder of the clips.", parser=storage.here, metavar="<path>")],
    best: Annotated[int, typer.Option(help="Clips of each label, those of the highest scores.")] = 20,
    padding: Annotated[float, typer.Option(help="Seconds before and after each.")] = 1.0,
) -> int:
    """Cut what was found out of the recordings, a folder a label.

    To listen to, to sort, and to train with: `audiotag build` takes such a folder.
    """
    from audiotag.tagging import cutting
    from audiotag.tagging import results as folder

    channel = folder.settings_of(results).get("channel")
    made, reasons = cutting.cut(folder.read(results), out, best=best, padding=padding, channel=channel)
    for recording, reason in reasons.items():
        typer.echo(f"audiotag: {recording}: {reason}", err=True)
    typer.echo(f"{out} holds {made} clips")
    return int(bool(reasons))
