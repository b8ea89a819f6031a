"""What is swept: checked before anything is trained, and kept in the sweep's folder, so that no other goes on there."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from audiotag import records, storage, tokens
from audiotag.errors import AudiotagError
from audiotag.run_folder import LAST, NO_VALIDATION
from audiotag.sweeps.space import Dimension
from audiotag.training.recipe import MONITORS, Recipe, resolve

DESCRIPTION = "sweep.toml"


def check(recipe: Recipe, dimensions: tuple[Dimension, ...], prune: str) -> tuple[Recipe, dict[str, Any]]:
    """Check that a recipe and everything that is varied of it fit the data set.

    Returns:
        The recipe with its monitor, and what `sweep.toml` is to say.

    Raises:
        AudiotagError: a value that does not fit, or nothing to compare trials by.
    """
    names = [dimension.name for dimension in dimensions]
    if not names or len(set(names)) < len(names):
        raise AudiotagError(f"a sweep varies one field or more, each once, received {', '.join(names) or 'none'}")
    data = tokens.open_data(recipe.data)
    if recipe.monitor is None and recipe.validation != NO_VALIDATION:
        recipe = dataclasses.replace(recipe, monitor=data.task.monitor)
    if recipe.monitor in (None, LAST):
        measured = ", ".join(name for name in MONITORS if name != LAST)
        raise AudiotagError(
            f"trials are compared by what is measured on a validation split: leave out monitor {LAST!r} and "
            f"validation {NO_VALIDATION!r}, or choose a monitor from {measured}"
        )
    _check_values(recipe, dimensions, data)
    fields = {name: value for name, value in dataclasses.asdict(recipe).items() if value is not None}
    common = {name: _plain(value) for name, value in fields.items() if name not in (*names, "data")}
    vary = {dimension.name: str(dimension).partition("=")[2] for dimension in dimensions}
    return recipe, {"prune": prune, "fingerprint": data.fingerprint, "vary": vary, "recipe": common}


def _check_values(recipe: Recipe, dimensions: tuple[Dimension, ...], data: records.Data) -> None:
    """Refuse a value that no recipe takes: neither the recipe alone nor together with a value of another field."""
    others = [{each.name: value} for each in dimensions for value in each.edges]
    for dimension in dimensions:
        for value in dimension.edges:
            choice = {dimension.name: value}
            error = _misfit(recipe, choice, data)
            if error is not None and all(_misfit(recipe, other | choice, data) for other in others):
                raise AudiotagError(f"{dimension}: {error}") from error


def _misfit(recipe: Recipe, choices: dict[str, Any], data: records.Data) -> AudiotagError | None:
    """Why a recipe with some choices cannot be trained, as far as it shows without a network."""
    from audiotag.models.architectures import architecture

    try:
        chosen = resolve(dataclasses.replace(recipe, **choices), data)
        architecture(chosen.model, **chosen.model_options)
    except AudiotagError as error:
        return error
    return None


def _plain(value: Any) -> Any:
    """A value of a recipe as TOML knows it."""
    return str(value) if isinstance(value, Path) else value


def check_folder(out: Path) -> None:
    """Refuse a folder that holds something else than a sweep."""
    if out.exists() and not out.is_dir():
        raise AudiotagError(f"a sweep needs a folder, {out} is a file: choose another")
    if out.is_dir() and not (out / DESCRIPTION).exists() and any(out.iterdir()):
        raise AudiotagError(f"{out} holds files but no {DESCRIPTION}: sweep into a new or empty folder")


def write(out: Path, description: dict[str, Any]) -> None:
    """Write what is swept, or check that the sweep in the folder is the same.

    Raises:
        AudiotagError: it is another one; what differs is named.
    """
    import tomli_w

    path, text = out / DESCRIPTION, tomli_w.dumps(description)
    if not path.exists():
        with storage.write_atomically(path) as file:
            file.write(text)
        return
    try:
        earlier = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not valid TOML ({error}): restore it, or sweep into a new folder") from error
    there, here = _flat(earlier), _flat(tomllib.loads(text))
    changed = [
        f"{name} ({there.get(name)!r} there, {here.get(name)!r} now)"
        for name in dict.fromkeys((*there, *here))
        if there.get(name) != here.get(name)
    ]
    if changed:
        raise AudiotagError(
            f"{out} holds another sweep, different in {', '.join(changed)}: "
            "sweep into a new folder, or ask for the same to go on"
        )


def _flat(description: dict[str, Any]) -> dict[str, Any]:
    """Names to values; of the recipe's fields and of what is varied too."""
    parts = {name: value for name, value in description.items() if not isinstance(value, dict)}
    varied = {f"--vary {name}": value for name, value in description.get("vary", {}).items()}
    return parts | varied | description.get("recipe", {})
