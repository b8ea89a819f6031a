"""`audiotag train`: students, distilled or from labels."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any

import typer

from audiotag.cli import options, presets
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly
from audiotag.training.recipe import Recipe

ModelOptions = Annotated[
    list[str] | None,
    typer.Option("--option", help="NAME=VALUE of the model, again for more: head=frames, pooling=max …"),
]
Augmentations = Annotated[
    list[str] | None,
    typer.Option(
        "--augment", help="NAME=VALUE of a batch augmentation, again for more: roll=100, gain=12, frequency_mask=24 …"
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        help="How many devices of this host, or all; they share each batch. Default: one, or all where there are "
        "several hosts."
    ),
]
Hosts = Annotated[
    str | None,
    typer.Option(
        help="ADDRESS:PORT,INDEX/COUNT: where the first of several hosts listens, the number of this one from 0, and "
        "how many there are; or auto, as Slurm, Open MPI or a TPU says. JAX alone."
    ),
]


@options.of(Recipe)
def train(
    context: typer.Context,
    out: Annotated[
        str,
        typer.Option(help="Run folder, or an address: new, empty, or of the same recipe to go on with."),
    ],
    preset: Annotated[
        str | None,
        typer.Option(help="Published values, see `audiotag presets`; every further option replaces one of them."),
    ] = None,
    model_options: ModelOptions = None,
    augment: Augmentations = None,
    devices: Devices = None,
    hosts: Hosts = None,
    **choices: Any,
) -> None:
    """Train a student, distilled or from labels.

    Run the same command again to resume after an interruption, or with more --epochs to train a finished run on.
    """
    settings = tables(model_options, augment)
    if preset is None:
        recipe = Recipe(**settings, **choices)
    else:
        recipe = presets.recipe_of(preset, settings | choices, presets.typed_names(context))
    import_tensorflow_quietly()
    from audiotag import training
    from audiotag.training.hosts import is_first

    run = training.train(recipe, out, devices=devices, hosts=hosts)
    if not is_first():
        return
    best = "" if run.best_value is None else f", {run.recipe.monitor} {run.best_value:.4f}"
    typer.echo(f"{run.path}: weights of epoch {run.best_epoch} of {run.epochs}{best}")
    typer.echo(f"Next: audiotag evaluate {run.path}")


def tables(model_options: list[str] | None, augment: list[str] | None) -> dict[str, dict[str, Any]]:
    """The fields of a recipe that are tables, from the command line."""
    return {"model_options": _settings("--option", model_options), "augment": _settings("--augment", augment)}


def _settings(option: str, texts: list[str] | None) -> dict[str, Any]:
    """Settings from NAME=VALUE: numbers, true, false, [lists] and {tables} as in TOML, all else is text."""
    values: dict[str, Any] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            example = {"--option": "head=frames", "--augment": "roll=100"}[option]
            raise AudiotagError(f"{option} is NAME=VALUE, received {text!r}: write {option} {example}, for one")
        try:
            values[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = value.strip()
    return values
