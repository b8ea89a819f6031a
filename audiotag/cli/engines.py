"""Options of the commands whose work an engine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from audiotag.errors import AudiotagError, suggest

if TYPE_CHECKING:
    from audiotag.records.engines import Engine

Name = Annotated[str, typer.Option("--engine", help="local: this machine; beam: Apache Beam.")]
Runner = Annotated[str | None, typer.Option("--runner", help="Beam's: DirectRunner (default), FlinkRunner …")]
BeamOptions = Annotated[
    list[str] | None,
    typer.Option("--beam-option", help="key=value, an option of Beam's pipeline: region=europe-west1. Repeatable."),
]


def beam(name: str, runner: str | None, options: list[str] | None, workers: int | None = None) -> Engine | None:
    """The engine on Beam; None: it is not the one that is named.

    Raises:
        AudiotagError: an unknown engine, options of the other one, or Apache Beam is not installed.
    """
    from audiotag.records import engines

    if name not in engines.NAMES:
        raise AudiotagError(f"there is no engine {name!r}: {suggest(name, engines.NAMES)}")
    if name == "local":
        if runner is not None or options:
            raise AudiotagError("--runner and --beam-option are of Apache Beam: add --engine beam")
        return None
    words = [f"--{option.removeprefix('--')}" for option in options or []]
    if runner is not None:
        words.append(f"--runner={runner}")
    if workers is not None:
        if runner not in (None, "DirectRunner"):
            raise AudiotagError(
                f"--workers are processes on this machine, {runner} has workers of its own: give it its own option, "
                "such as --beam-option max_num_workers=8"
            )
        words.append(f"--direct_num_workers={workers}")
    return engines.on_beam(*words)
