"""`--quiet`, which stands before a command's name or among its options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from audiotag import progress

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes: results and errors alone.")]


def silenceable(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a command that takes `--quiet` too, beside its own options."""
    signature = inspect.signature(command, eval_str=True)
    own = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet)

    @functools.wraps(command)
    def run(*arguments: Any, quiet: bool = False, **choices: Any) -> Any:
        if quiet:
            progress.set_quiet(True)
        return command(*arguments, **choices)

    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), own])  # type: ignore[attr-defined]
    return run
