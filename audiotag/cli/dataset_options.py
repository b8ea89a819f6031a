"""A dataset's own options on the command line, `--subset esc10 --seconds 2`, read as its `declare` wants them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError, suggest

_UNKNOWN = (inspect.Parameter.empty, Any)


def read(arguments: list[str], parameters: Mapping[str, inspect.Parameter], own: Iterable[str]) -> dict[str, Any]:
    """Keyword arguments for a dataset's `declare`.

    Args:
        arguments: what the command did not take for its own: `--name value` or `--name=value`.
        parameters: those of `declare`; their type hints decide what a value is read as.
        own: the command's own options, such as "--seed", one of which may have been meant.

    Raises:
        AudiotagError: an unknown option (the nearest is suggested), one without a value, or a value of another type.
    """
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        option, equals, text = rest.pop(0).partition("=")
        if not option.startswith("--") or not (equals or rest):
            raise AudiotagError(f"a dataset's options look like '--name value', received {option!r}")
        name = option[2:].replace("-", "_")
        if name not in parameters:
            known = {*own, *(f"--{known.replace('_', '-')}" for known in parameters)}
            raise AudiotagError(f"there is no option {option!r}: {suggest(option, known)}")
        values[name] = _value(option, text if equals else rest.pop(0), parameters[name].annotation)
    return values


def _value(option: str, text: str, hint: Any) -> Any:
    kinds = typing.get_args(hint) or (hint,)
    guessed = any(kind in _UNKNOWN or isinstance(kind, str) for kind in kinds)
    tried = []
    for kind, what, reader in _READERS:
        if guessed or kind in kinds:
            try:
                return reader(text)
            except ValueError:
                tried.append(what)
    if tried and not guessed and not {str, Path} & set(kinds):
        raise AudiotagError(f"{option} must be {' or '.join(tried)}, received {text!r}")
    return text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_READERS: tuple[tuple[type, str, Callable[[str], Any]], ...] = (
    (bool, "true or false", _truth),
    (int, "a whole number", int),
    (float, "a number", float),
)
