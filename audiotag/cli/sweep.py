"""`audiotag sweep`: run after run, each by another choice of some fields of the recipe."""

from __future__ import annotations

import dataclasses
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag import records
from audiotag.cli import options, presets, train
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly
from audiotag.training import published
from audiotag.training.recipe import Recipe

if TYPE_CHECKING:
    from audiotag.sweeps import Sweep

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class Prune(StrEnum):
    """When a trial is ended early."""

    MEDIAN = "median"
    HYPERBAND = "hyperband"
    NONE = "none"


@options.of(Recipe)
def sweep(
    context: typer.Context,
    out: Annotated[str, typer.Option(help="The sweep's folder: new, empty, or of the same sweep to go on with.")],
    vary: Annotated[
        list[str],
        typer.Option(
            help="NAME=A,B,C or NAME=LOW..HIGH, with :log by powers of ten; again for more. NAME is an option below."
        ),
    ],
    trials: Annotated[int, typer.Option(help="Runs in all; where all that varies is A,B,C at most each once.")] = 20,
    prune: Annotated[Prune, typer.Option(help="End trials that do worse than others did.")] = Prune.MEDIAN,
    timeout: Annotated[
        str | None, typer.Option(help="Stop after this long: 90, 30m, 8h. The same command goes on.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Published values of what is not varied, see `audiotag presets`.")
    ] = None,
    model_options: train.ModelOptions = None,
    augment: train.Augmentations = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trials as JSON.")] = False,
    **choices: Any,
) -> None:
    """Search for the fields of a recipe that make the best run.

    Every trial is a run of its own in the folder. Run the same command again to go on after an interruption, or with
    more --trials for more. TensorBoard's HPARAMS tab compares them.
    """
    from audiotag import sweeps

    dimensions = [sweeps.parse(text) for text in vary]
    seconds = None if timeout is None else _seconds(timeout)
    recipe = _recipe(preset, train.tables(model_options, augment) | choices, presets.typed_names(context))
    import_tensorflow_quietly()
    result = sweeps.sweep(recipe, dimensions, out, trials=trials, prune=prune.value, timeout=seconds)
    if as_json:
        typer.echo(json.dumps(_plain(result), indent=2))
    else:
        _show(result)


def _recipe(preset: str | None, choices: dict[str, Any], typed: set[str]) -> Recipe:
    """What all trials have in common: the choices, or those that were typed, put into a preset."""
    if preset is None:
        return Recipe(**choices)
    changes = {field: value for field, value in choices.items() if field in typed and field != "data"}
    return published.preset(preset).recipe(records.open(choices["data"]), **changes)


def _seconds(text: str) -> float:
    duration = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if duration is None:
        raise AudiotagError(
            f"--timeout is a number of seconds, minutes or hours, received {text!r}: write 90, 30m or 8h"
        )
    return float(duration[1]) * _SECONDS[duration[2]]


def _best_command(result: Sweep) -> str | None:
    """What trains the best recipe anew."""
    from audiotag import sweeps

    if (best := result.best) is None:
        return None
    return sweeps.command(dataclasses.replace(result.recipe, **best.choices), f"{result.out}-best")


def _plain(result: Sweep) -> dict[str, Any]:
    return {
        "out": str(result.out),
        "monitor": result.recipe.monitor,
        "best": result.best and result.best.folder.name,
        "command": _best_command(result),
        "left": result.left,
        "trials": [
            {"name": trial.folder.name, **{name: value for name, value in vars(trial).items() if name != "folder"}}
            for trial in result.trials
        ],
    }


def _show(result: Sweep) -> None:
    from audiotag.cli.runs import print_table
    from audiotag.runs import RunTable

    monitor = result.recipe.monitor
    fields = tuple(dict.fromkeys(name for trial in result.trials for name in trial.choices))
    rows = [
        {
            "name": trial.folder.name,
            "state": trial.state,
            monitor: trial.value,
            "epoch": trial.epoch,
            "epochs": trial.choices.get("epochs", result.recipe.epochs),
            "folder": trial.folder,
            "notes": trial.reason,
            **trial.choices,
        }
        for trial in result.ranked()
    ]
    if rows:
        print_table(RunTable(("name", "state", monitor, "epoch", *fields), rows, frozenset([monitor])))
    if result.left:
        typer.echo(f"The time is up, {result.left} trials are left: run the same command again to go on")
    if result.best is not None:
        typer.echo(f"Best: {result.best.folder}. The same once more, to train longer for one:\n{_best_command(result)}")
    typer.echo(f"Compare them: audiotag runs {result.out}, or tensorboard --logdir {result.out}")
