"""What a run folder says to an evaluation: its data set, the split to measure, what it was trained with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError

RECIPE, EVENTS, CURVES = "recipe.toml", "evaluation", "validation"
_NOT_HYPERPARAMETERS = ("data", "data_relative", "fingerprint", "teacher_fingerprint", "train", "validation")


def recipe(run: Path) -> dict[str, Any]:
    """The run's `recipe.toml`."""
    try:
        return tomllib.loads((run / RECIPE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AudiotagError(f"{run} has no {RECIPE}: name the data set and the split to evaluate on") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{run / RECIPE} is not valid TOML ({error}): restore it") from error


def data_folder(run: Path) -> Path:
    """Where the recipe's data set lies: where it was, or where it moved together with the run."""
    said = recipe(run)
    places = [Path(said["data"])] if "data" in said else []
    places += [run / said["data_relative"]] if "data_relative" in said else []
    for place in places:
        if place.is_dir():
            return place
    looked = ", ".join(map(str, places)) or "nowhere"
    raise AudiotagError(f"the data set of {run / RECIPE} is not there (looked at {looked}): name the data set")


def validation(run: Path) -> str:
    """The splits that the recipe validated on."""
    split = recipe(run).get("validation", "none")
    if split == "none":
        raise AudiotagError(f"{run / RECIPE} has no validation split: name the split to evaluate on")
    return split


def hyperparameters(run: Path) -> dict[str, float | str | bool]:
    """What a run was trained with, a name to a number, a text or a bool; {} where it has no recipe."""
    if not (run / RECIPE).is_file():
        return {}
    said = recipe(run)
    options = {f"model_options.{name}": value for name, value in said.pop("model_options", {}).items()}
    kept = {name: value for name, value in (said | options).items() if name not in _NOT_HYPERPARAMETERS}
    return {
        name: value if isinstance(value, str | int | float) else str(value)
        for name, value in kept.items()
        if not isinstance(value, dict)
    }


def last_epoch(run: Path) -> int:
    """The last epoch whose metrics the run's `validation/` shows; 0 where there is none."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return max(
        (
            event.step
            for path in (run / CURVES).glob("events.out.tfevents.*")
            for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value
            if value.tag == "summary/mAP"
        ),
        default=0,
    )
