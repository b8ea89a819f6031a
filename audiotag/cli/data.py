"""`audiotag verify` and `inspect`: the records of a data set checked, and what is in them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiotag.cli.build import dataset_options
from audiotag.errors import AudiotagError, suggest
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from audiotag.records import Declaration

_Source = Annotated[
    Path | None, typer.Option("--source", help="Folder of the recordings. Default: where the build found them.")
]
_Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="Name or .py file that it was built from, where that reads the sounds in its own way or declares strong "
        "labels; the options of the build go at the end.",
    ),
]


def verify(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A built data set.")],
    deep: Annotated[bool, typer.Option("--deep", help="Read the recordings again and compare.")] = False,
    sample: Annotated[int, typer.Option(help="With --deep: clips whose records are computed again.")] = 100,
    source: _Source = None,
    dataset: _Dataset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> int:
    """Check every shard and record of a data set.

    A damaged record is named by shard, offset and clip. With --deep, so is one that its recording does not give any
    more, and every recording that has changed or gone.
    """
    from audiotag import records

    declared = _declared(context, dataset, source)
    if not deep and (declared or source):
        raise AudiotagError("the recordings are read with --deep alone: give it too, or leave --source and --dataset")
    import_tensorflow_quietly()
    problems = records.verify(path)
    if deep:
        problems += records.verify_deep(path, sample=sample, source=declared or source)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(problem) for problem in problems], default=str))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{path}: {len(problems)} problems" if problems else f"{path}: whole")
    return int(bool(problems))


def _declared(context: typer.Context, dataset: str | None, source: Path | None) -> Declaration | None:
    """The declaration that is named, with the options that are its own."""
    from audiotag import records
    from audiotag.records import declaration

    own = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    if dataset is None:
        if context.args:
            raise AudiotagError(f"there is no option {context.args[0]!r}: {suggest(context.args[0], own)}")
        return None
    chosen = dataset_options(context.args, declaration.parameters(dataset), own)
    return records.declare(dataset, **chosen, **({} if source is None else {"source": source}))
