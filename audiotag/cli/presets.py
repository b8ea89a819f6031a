"""`audiotag presets` lists the published ways of training; `audiotag train --preset` shows every value in effect."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag import records
from audiotag.training import published
from audiotag.training.recipe import Recipe, resolve

if TYPE_CHECKING:
    from audiotag.training.published import Preset


def presets(
    name: Annotated[str | None, typer.Argument(help="Show this preset only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List the published ways of training, or show one.

    `audiotag train DATA --preset NAME` trains in one of them.
    """
    chosen = list(published.presets()) if name is None else [published.preset(name)]
    if as_json:
        rows = [dataclasses.asdict(preset) for preset in chosen]
        typer.echo(json.dumps(rows if name is None else rows[0], indent=2))
    elif name is None:
        _print_table(chosen)
    else:
        _print(chosen[0])


def typed_names(context: typer.Context) -> set[str]:
    """Names of the parameters that the command line gives, and no default."""
    return {name for name in context.params if context.get_parameter_source(name).name != "DEFAULT"}


def recipe_of(name: str, choices: Mapping[str, Any], typed: Collection[str]) -> Recipe:
    """The recipe of a preset, changed as the command line says; every value in effect is printed.

    Args:
        name: of the preset.
        choices: fields of the recipe: of the command line and defaults.
        typed: those of the command line.
    """
    preset, data = published.preset(name), records.open(choices["data"])
    changes = {field: value for field, value in choices.items() if field in typed and field != "data"}
    recipe = preset.recipe(data, **changes)
    resolved = resolve(recipe, data)
    typer.echo(f"{preset.name}: {preset.about} ({preset.source})")
    for field in dataclasses.fields(Recipe):
        stated, value = getattr(recipe, field.name), getattr(resolved, field.name)
        origins = ["preset"] if field.name in preset.values and stated is not None else []
        if field.name in typed:
            merged = isinstance(stated, dict) and stated != choices[field.name]
            origins = [*(origins if merged else []), "command line"]
        elif not origins:
            origins = ["data set" if value != stated else "default"]
        shown = stated if value is None else value
        typer.echo(f"{field.name:22}{' and '.join(origins):26}{_text(shown)}")
    return recipe


def _text(value: Any) -> str:
    """A value on one line: none, a number, a text, or NAME=VALUE of a table."""
    if isinstance(value, dict):
        tables = {name: f"{{{_text(item)}}}" if isinstance(item, dict) else item for name, item in value.items()}
        return ", ".join(f"{name}={text}" for name, text in tables.items()) or "none"
    return "none" if value is None else str(value)


def _print_table(chosen: list[Preset]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("name", "task"):
        table.add_column(name, no_wrap=True)
    table.add_column("about")
    for preset in chosen:
        table.add_row(preset.name, preset.task, preset.about)
    Console().print(table)
    typer.echo("\n`audiotag presets NAME` shows every value, and what is done otherwise than published.")


def _print(preset: Preset) -> None:
    for name in ("name", "about", "source", "task", "published"):
        typer.echo(f"{name:22}{getattr(preset, name)}")
    for what, lines in (("records", preset.build), ("otherwise here", preset.differs)):
        for number, line in enumerate(lines):
            typer.echo(f"{'' if number else what:22}{line}")
    typer.echo("")
    for name, value in preset.values.items():
        typer.echo(f"{name:22}{_text(value)}")
