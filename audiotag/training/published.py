"""The published ways of training, as presets: a TOML file each in `presets/`, whose name is the preset's."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from audiotag import records
from audiotag.errors import AudiotagError, suggest
from audiotag.task import Task
from audiotag.training.recipe import Recipe

_FOLDER = Path(__file__).with_name("presets")
_TABLES = ("model_options", "augment")


@dataclass(frozen=True)
class Preset:
    """A published way of training: the values of a recipe, where they come from, and what is done otherwise here.

    Args:
        name: of the file.
        about: one line.
        source: paper and script.
        task: of the data sets that it is for.
        published: the result, as published.
        build: commands that make the records that it presupposes.
        differs: what is published and done otherwise here, a line each.
        values: fields of `Recipe`, without `data`.
    """

    name: str
    about: str
    source: str
    task: Task
    published: str
    build: tuple[str, ...]
    differs: tuple[str, ...]
    values: dict[str, Any]

    def recipe(self, data: records.Data, **changes: Any) -> Recipe:
        """The recipe for a data set.

        Args:
            data: the open data set.
            changes: fields of `Recipe` that replace the preset's; None means there what it means in a `Recipe`. Of
                `augment` and `model_options` only what is named is replaced. A fold replaces the preset's splits.

        Raises:
            AudiotagError: a data set of another task, or a value out of its range.

        Example:
            >>> audiotag.training.preset("esc50_mn").recipe(audiotag.records.open("data/esc50"), fold=1, model="mn04")
        """
        if data.task != self.task:
            others = [other.name for other in presets() if other.task == data.task]
            raise AudiotagError(
                f"preset {self.name} is for {self.task} data sets, {data.name} is {data.task}: "
                f"take another preset ({', '.join(others)}), or none"
            )
        values = dict(self.values)
        if changes.get("fold") is not None:
            values = {name: value for name, value in values.items() if name not in ("train", "validation")}
        for name in _TABLES:
            if changes.get(name) is not None:
                changes[name] = values.get(name, {}) | changes[name]
        return Recipe(data=data.path, **values | changes)


@cache
def presets() -> tuple[Preset, ...]:
    """Every preset, by name."""
    return tuple(_read(path) for path in sorted(_FOLDER.glob("*.toml")))


def preset(name: str) -> Preset:
    """A preset by name.

    Args:
        name: of `presets`: esc50_mn, audioset_dymn, passt_fsd50k …

    Raises:
        AudiotagError: an unknown name; the nearest is suggested.
    """
    known = {each.name: each for each in presets()}
    if name not in known:
        raise AudiotagError(f"no preset is named {name!r}: {suggest(name, known)}")
    return known[name]


def _read(path: Path) -> Preset:
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    lists = {name: tuple(fields.pop(name)) for name in ("build", "differs")}
    return Preset(name=path.stem, task=Task(fields.pop("task")), values=fields.pop("recipe"), **lists, **fields)
