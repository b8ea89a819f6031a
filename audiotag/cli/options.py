"""Options of a command made from a dataclass or function: its parameters, their defaults, its docstring's Args."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer

_ARGS = re.compile(r"^Args:\n((?: {4}.*\n?|\n)*)", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def of(described: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator of a command that takes, as `**choices`, what a dataclass or function takes.

    A parameter of the command's own replaces the one of the same name; those without a default come first.

    Args:
        described: what declares and documents the parameters. One without a default is an argument of the command, any
            other an option, unless its type hint says otherwise in typer's way.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(command, eval_str=True).parameters
        merged = _parameters(described) | {name: own[name] for name in own if name != "choices"}
        ordered = sorted(merged.values(), key=lambda parameter: parameter.default is not parameter.empty)
        keywords = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in ordered]
        command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        return command

    return decorate


def purpose(described: Callable[..., Any]) -> str:
    """The docstring up to its Args."""
    return inspect.cleandoc(described.__doc__ or "").partition("\nArgs:\n")[0]


def _parameters(described: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    section = _ARGS.search(inspect.cleandoc(described.__doc__ or ""))
    texts = {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(section[1] if section else "")}
    try:
        hints = typing.get_type_hints(described, include_extras=True)
    except NameError:  # a name that the file imports for type checkers alone
        hints = {}
    parameters = {}
    for name, parameter in inspect.signature(described).parameters.items():
        hint = hints.get(name, str)
        if typing.get_origin(hint) is not Annotated:
            text = texts.get(name, "")
            shown = typer.Argument if parameter.default is parameter.empty else typer.Option
            hint = Annotated[_readable(hint), shown(help=text[:1].upper() + text[1:])]
        parameters[name] = parameter.replace(annotation=hint)
    return parameters


def _readable(hint: Any) -> Any:
    """Of several types that a value may have, the first: a command line has text only."""
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    if typing.get_origin(hint) in (list, typing.Literal) or len(kinds) < 2:
        return hint
    return kinds[0] | None if type(None) in typing.get_args(hint) else kinds[0]
