"""The command line that trains by a recipe."""

from __future__ import annotations

import dataclasses
import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

from audiotag.training.recipe import Recipe


def command(recipe: Recipe, out: Path | str) -> str:
    """The `audiotag train` that asks for a recipe: every field that is not as it would be without saying."""
    words = ["audiotag", "train", str(recipe.data), "--out", str(out)]
    for field in dataclasses.fields(recipe):
        value, option = getattr(recipe, field.name), f"--{field.name.replace('_', '-')}"
        if field.name == "data" or value is None or value == _default(field):
            continue
        if isinstance(value, dict):
            option = "--option" if field.name == "model_options" else option
            words += [word for name, each in value.items() for word in (option, f"{name}={_setting(each)}")]
        elif isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            for each in value if isinstance(value, list | tuple) else [value]:
                words += [option, str(each)]
    return shlex.join(words)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _setting(value: Any) -> str:
    """A setting as the command line reads it: as in TOML, a text without quotes."""
    if isinstance(value, str) and not _is_toml(value):
        return value
    return _toml(value)


def _is_toml(text: str) -> bool:
    """Whether a text would be read as something else."""
    try:
        tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_toml(each)}' for name, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)  # what is left is written alike
