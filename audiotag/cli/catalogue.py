"""`audiotag models` lists what can be built and loaded; `audiotag recipe` runs an experiment."""

from __future__ import annotations

import dataclasses
import json
import runpy
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from audiotag.models import Preset


def models(
    name: Annotated[str | None, typer.Argument(help="Show this model only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List the published models, or show one.

    Parameters and MACs are counted by audiotag, with the published head; mAP is what the authors publish.
    """
    from audiotag.models import presets

    chosen = list(presets.PRESETS.values()) if name is None else [presets.preset(name)]
    if as_json:
        rows = [dataclasses.asdict(preset) | {"megabytes": preset.megabytes} for preset in chosen]
        typer.echo(json.dumps(rows if name is None else rows[0], indent=2))
    elif name is None:
        _print_table(chosen)
    else:
        for key, value in _described(chosen[0]).items():
            typer.echo(f"{key:12} {value}")


def _described(preset: Preset) -> dict[str, str]:
    from audiotag.clip_format import PADDING, PUBLISHED_PAD
    from audiotag.models import presets

    single = preset.architecture != presets.ENSEMBLE
    members = f"mean of {len(preset.members)}: {', '.join(preset.members)}"
    known = {"audioset": "527 of AudioSet", "yamnet": "521 of AudioSet", "audioset_strong": "447 of AudioSet Strong"}
    classes = known.get(preset.labels, "none: a start for training")
    checksum = preset.sha256 or "none is published; that of the first download is recorded and held to"
    return {
        "name": preset.name,
        "architecture": preset.architecture if single else members,
        "classes": classes,
        "front end": preset.front_end.describe(),
        "window": f"{preset.seconds:g} s",
        "shorter": f"recordings are {PADDING[PUBLISHED_PAD]}",
        "parameters": f"{preset.parameters:g} M ({preset.megabytes:.1f} MB in float32)",
        "MACs": f"{preset.macs:g} G for 10 s",
        "mAP": "not published" if preset.mAP is None else f"{preset.mAP} % on AudioSet, as published",
        "licence": preset.licence,
        "paper": preset.paper.replace("arXiv:", "https://arxiv.org/abs/"),
        **({"file": preset.source, "sha256": checksum} if single else {}),
    }


def _print_table(chosen: list[Preset]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("name", "parameters M", "MACs G", "mAP %", "size MB", "licence"):
        table.add_column(name, justify="left" if name in ("name", "licence") else "right", no_wrap=True)
    for preset in chosen:
        score = "" if preset.mAP is None else f"{preset.mAP:.1f}"
        figures = (f"{preset.parameters:g}", f"{preset.macs:g}", score, f"{preset.megabytes:.1f}")
        table.add_row(preset.name, *figures, preset.licence)
    Console().print(table)
    typer.echo("\nMACs for a clip of 10 s, size in float32, mAP on AudioSet's evaluation set as published.")
    typer.echo(
        "Without published weights: crnn, cnn_transformer, transformer_gru, passt, fmn10+att-256, fmn10+tcn-256. "
        "`audiotag models NAME` shows one."
    )


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
