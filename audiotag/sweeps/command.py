"""The command line that trains by a recipe."""

from __future__ import annotations

import dataclasses
import json
import shlex
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
            words += [word for name, each in value.items() for word in ("--option", f"{name}={_setting(each)}")]
        elif isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            for each in value if isinstance(value, list | tuple) else [value]:
                words += [option, str(each)]
    return shlex.join(words)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
