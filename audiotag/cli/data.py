"""`audiotag verify`: the records of a data set checked."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from audiotag.startup import import_tensorflow_quietly


def verify(
    path: Annotated[str, typer.Argument(help="A built data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> int:
    """Check every shard and record of a data set.

    A damaged record is named by shard, offset and clip.
    """
    from audiotag import records

    import_tensorflow_quietly()
    problems = records.verify(path)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(problem) for problem in problems], default=str))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{path}: {len(problems)} problems" if problems else f"{path}: whole")
    return int(bool(problems))
