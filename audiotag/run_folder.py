"""A run folder: which files lie in it, and what its recipe says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from audiotag import storage
from audiotag.errors import AudiotagError

RECIPE = "recipe.toml"
STUDENT = "student.keras"
TAGGER = "tagger.keras"
TOKENIZER = "tokenizer.npz"
"""Of a language model of tokens, which has no tagger."""

CHECKPOINTS = "checkpoints"
TRAIN, VALIDATION, EVALUATION = "train", "validation", "evaluation"
"""TensorBoard's folders."""

DRAWS = "draws.csv"
"""Of a run that reads balanced: a row an epoch, how many examples of each class it drew."""

NO_VALIDATION = "none"
LAST = "last"
"""What a recipe's monitor says where the last epoch is kept, not the best."""

_NOT_HYPERPARAMETERS = ("data", "data_relative", "fingerprint", "teacher_fingerprint", "train", "validation")


def model_file(run: Path) -> Path:
    """The file that scores sound: the tagger, with its calibration and thresholds; else the student.

    Raises:
        AudiotagError: the folder holds neither.
    """
    for name in (TAGGER, STUDENT):
        if (run / name).is_file():
            return run / name
    raise AudiotagError(
        f"a run folder holds {TAGGER} or {STUDENT}, {run} does not: give the --out of a finished `audiotag train`"
    )


def recipe(run: Path) -> dict[str, Any]:
    """What the run's `recipe.toml` says: the recipe's fields, and what it was trained on and with; {} without one.

    Raises:
        AudiotagError: it is damaged.
    """
    path = Path(run) / RECIPE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not valid TOML ({error}): restore it, or train into a new folder") from error


def data_folder(run: Path) -> Path:
    """Where the recipe's data set lies: where it was, or where it moved together with the run."""
    fields = recipe(run)
    places = [storage.place(fields["data"])] if "data" in fields else []
    places += [run / fields["data_relative"]] if "data_relative" in fields else []
    for place in places:
        if place.is_dir():
            return place
    looked = ", ".join(map(str, places)) or "nowhere"
    raise AudiotagError(f"the data set of {run / RECIPE} is not there (looked at {looked}): name the data set")


def hyperparameters(run: Path) -> dict[str, float | str | bool]:
    """What a run was trained with, a name to a number, a text or a bool; {} where it has no recipe."""
    kept = {name: value for name, value in flat(recipe(run)).items() if name not in _NOT_HYPERPARAMETERS}
    return {
        name: value if isinstance(value, str | int | float) else str(value)
        for name, value in kept.items()
        if not name.startswith("versions.")
    }


def flat(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe without tables in it: what stands in one is named with it, `model_options.head`."""
    fields: dict[str, Any] = {}
    for name, value in recipe.items():
        fields |= {f"{name}.{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
    return fields
