"""`audiotag models` lists what can be built and loaded; `audiotag recipe` runs an experiment."""

from __future__ import annotations

import runpy
import sys
from typing import Annotated

import typer


def models(
    name: Annotated[str | None, typer.Argument(help="Show this model only.")] = None,
) -> None:
    """List the published models, or show one."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from audiotag.models import presets

    console = Console()
    if name is not None:
        for key, value in asdict(presets.preset(name)).items():
            console.print(f"[bold]{key:12}[/] {value}", highlight=False, soft_wrap=True)
        return
    table = Table(caption="parameters in millions, MACs in G for 10 s, mAP on AudioSet as published")
    for column in ("name", "parameters", "MACs", "mAP", "licence"):
        table.add_column(column, justify="left" if column in ("name", "licence") else "right")
    for preset in presets.PRESETS.values():
        table.add_row(preset.name, str(preset.parameters), str(preset.macs), str(preset.mAP), preset.licence)
    console.print(table)


def recipe(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A recipe's name or a .py file.")] = "--help",
) -> None:
    """Run a whole experiment: `quickstart`, for one.

    The options that follow its name are the recipe's own.
    """
    from audiotag import storage

    if name in ("-h", "--help"):
        known = ", ".join(sorted(path.stem for path in storage.library("recipes").glob("*.py")))
        typer.echo(f"Usage: audiotag recipe NAME [OPTIONS]\n\n  Run a recipe by name or .py file: {known}.")
        typer.echo("  `audiotag recipe NAME --help` lists its options.")
        return
    path = storage.find_in_library("recipes", name)
    arguments = sys.argv
    sys.argv = [str(path), *context.args]
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv = arguments
