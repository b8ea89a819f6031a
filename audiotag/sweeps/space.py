"""What a sweep varies: fields of a recipe, each over some values or over a range."""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any

from audiotag.errors import AudiotagError, suggest
from audiotag.training.recipe import Recipe

_SWITCHES = {"yes": True, "true": True, "no": False, "false": False}
_COMPARED_BY = ("data", "train", "validation", "fold", "monitor")
_HOW = "write {0}=A,B,C, or {0}=LOW..HIGH and :log where it spans powers of ten"


@dataclass(frozen=True)
class Choices:
    """Some values of a field.

    Args:
        name: of the field.
        values: two or more; None stands for what the data set and the other choices imply.
    """

    name: str
    values: tuple[Any, ...]

    @property
    def edges(self) -> tuple[Any, ...]:
        """Values that show whether a recipe takes all of them."""
        return self.values

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(_text, self.values))}"


@dataclass(frozen=True)
class Range:
    """All numbers from one to another, both included.

    Args:
        name: of the field.
        low: the least.
        high: the greatest.
        log: draw powers of ten evenly, not the numbers themselves.
    """

    name: str
    low: float
    high: float
    log: bool = False

    @property
    def edges(self) -> tuple[Any, ...]:
        """Values that show whether a recipe takes all of them."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.name}={self.low}..{self.high}{':log' if self.log else ''}"


Dimension = Choices | Range


def parse(text: str) -> Dimension:
    """What to vary, from `NAME=A,B,C`, `NAME=LOW..HIGH` or `NAME=LOW..HIGH:log`.

    Args:
        text: NAME is a field of `Recipe`, with `_` or `-`. Values are of its type; yes and no of a switch, none where
            it may be left open.

    Raises:
        AudiotagError: no such field, one by which trials are compared, or no such values of it.
    """
    name, equals, written = text.partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    names = [field.name for field in fields(Recipe)]
    if not equals or not written.strip():
        raise AudiotagError(f"--vary is NAME=VALUES, received {text!r}: {_HOW.format(name or 'NAME')}")
    if name not in names:
        raise AudiotagError(f"a recipe has no field {name!r} to vary: {suggest(name, names)}")
    if name in _COMPARED_BY:
        raise AudiotagError(
            f"{name} cannot be varied: the trials are compared by it. Sweep once for each, or choose one"
        )
    kinds = _kinds(name)
    low, dots, high = written.partition("..")
    if dots and not {int, float}.isdisjoint(kinds):
        return _range(name, low, high, int if int in kinds else float)
    values = tuple(_value(name, part.strip(), kinds) for part in written.split(","))
    if len(values) < 2 or len(set(map(repr, values))) < len(values):
        raise AudiotagError(
            f"{name} needs two values or more, none of them twice, received {written!r}: {_HOW.format(name)}"
        )
    return Choices(name, values)


def _kinds(name: str) -> tuple[Any, ...]:
    """Types that a field's values may have."""
    hint = typing.get_type_hints(Recipe)[name]
    kinds = []
    for kind in (hint,) if typing.get_origin(hint) is typing.Literal else typing.get_args(hint) or (hint,):
        kinds += [str] if typing.get_origin(kind) is typing.Literal or kind is Path else [kind]
    if typing.get_origin(hint) in (dict, list, tuple) or not {str, int, float, bool} & set(kinds):
        raise AudiotagError(f"{name} is no number, text or switch and cannot be varied: choose another field")
    return tuple(kinds)


def _range(name: str, low: str, high: str, kind: type) -> Range:
    high, colon, scale = high.partition(":")
    if colon and scale.strip() != "log":
        raise AudiotagError(f"a range of {name} ends in :log or in nothing, received ':{scale}': {_HOW.format(name)}")
    ends = [_value(name, end.strip(), (kind,)) for end in (low, high)]
    if not ends[0] < ends[1]:
        raise AudiotagError(f"a range of {name} goes from less to more, received {low}..{high}: exchange the two")
    if colon and ends[0] <= 0:
        raise AudiotagError(f"a range by powers of ten is above 0, received {name}={low}..{high}:log: leave out :log")
    return Range(name, *ends, log=bool(colon))


def _value(name: str, text: str, kinds: tuple[Any, ...]) -> Any:
    """A value of a field from its text: none, a switch, a whole number, a number, a text, what fits first."""
    if text.lower() == "none" and NoneType in kinds:
        return None
    if bool in kinds and text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    for kind in (kind for kind in (int, float) if kind in kinds):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    if str in kinds and text:
        return text
    wanted = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text", NoneType: "none"}
    raise AudiotagError(
        f"{name} is {' or '.join(wanted[kind] for kind in kinds if kind in wanted)}, received {text!r}: "
        f"{_HOW.format(name)}"
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
