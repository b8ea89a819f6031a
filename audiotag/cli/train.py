"""`audiotag train`: students, distilled or from labels."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any

import typer

from audiotag.cli import options
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly
from audiotag.training.recipe import Recipe


@options.of(Recipe)
def train(
    out: Annotated[
        str,
        typer.Option(help="Run folder, or an address: new, empty, or of the same recipe to go on with."),
    ],
    model_options: Annotated[
        list[str] | None,
        typer.Option("--option", help="NAME=VALUE of the model, again for more: head=frames, pooling=max …"),
    ] = None,
    **choices: Any,
) -> None:
    """Train a student, distilled or from labels.

    Run the same command again to resume after an interruption, or with more --epochs to train a finished run on.
    """
    recipe = Recipe(model_options=settings(model_options or []), **choices)
    import_tensorflow_quietly()
    from audiotag import training

    run = training.train(recipe, out)
    best = "" if run.best_value is None else f", {run.recipe.monitor} {run.best_value:.4f}"
    typer.echo(f"{run.path}: weights of epoch {run.best_epoch} of {run.epochs}{best}")
    typer.echo(f"Next: audiotag evaluate {run.path}")


def settings(texts: list[str]) -> dict[str, Any]:
    """Settings of an architecture from NAME=VALUE: numbers, true, false and [lists] as in TOML, all else is text."""
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise AudiotagError(f"--option is NAME=VALUE, received {text!r}: write --option head=frames, for one")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name.strip()] = value.strip()
    return settings
