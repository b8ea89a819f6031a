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
    from rich.console import Console

    from audiotag.inspection import Inspection
    from audiotag.records import Declaration

_CLASSES = 40  # that are listed

_Source = Annotated[
    str | None, typer.Option("--source", help="Folder of the recordings. Default: where the build found them.")
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
    path: Annotated[str, typer.Argument(help="A built data set.")],
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


def inspect(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A built data set.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the page and the tables. Default: inspection-NAME here.")
    ] = None,
    source: _Source = None,
    dataset: _Dataset = None,
    against: Annotated[
        str | None, typer.Option(help="Another built data set: list the sounds that it has too, such as a test set.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print inspection.json instead of the lines.")] = False,
) -> None:
    """Look into a data set: classes, leaks, copies, levels.

    Clips of every class, recordings in two splits, near-duplicates, silent and clipped clips, low bandwidth, lengths,
    rejected clips; every finding says what to do. The page inspection.html and the tables beside it say more.
    """
    declared = _declared(context, dataset, source)
    import_tensorflow_quietly()
    from rich.console import Console

    from audiotag import inspection

    inspected = inspection.inspect(path, out, source=declared or source, against=against)
    if as_json:
        typer.echo((inspected.out / inspection.inspecting.SUMMARY).read_text(encoding="utf-8"), nl=False)
    else:
        _show(inspected, Console())


def _show(inspected: Inspection, console: Console) -> None:
    """Print the classes, of many the extremes, then the findings and where the page is."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from audiotag.inspection import inspecting

    classes = inspected.tables["classes"]
    console.print(Text(f"{inspected.document.title}: {inspected.document.lead}"))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in classes:
        table.add_column(str(column), justify="left" if column == "class" else "right", overflow="fold")
    ordered = classes.sort_values("all", ascending=False, kind="stable")
    half = _CLASSES // 2
    parts = [classes] if len(classes) <= _CLASSES else [ordered.head(half), ordered.tail(half)]
    for part in parts:
        for row in part.itertuples(index=False):
            table.add_row(Text(row[0]), *map(str, row[1:]))
        table.add_section()
    console.print(table)
    for line in inspected.findings:
        console.print(Text(line))
    if not inspected.findings:
        console.print(Text("no findings"))
    console.print(Text(str(inspected.out / inspecting.PAGE), style="bold"), soft_wrap=True)


def _declared(context: typer.Context, dataset: str | None, source: str | None) -> Declaration | None:
    """The declaration that is named, with the options that are its own."""
    from audiotag import records
    from audiotag.clips import declaration

    own = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    if dataset is None:
        if context.args:
            raise AudiotagError(f"there is no option {context.args[0]!r}: {suggest(context.args[0], own)}")
        return None
    chosen = dataset_options(context.args, declaration.parameters(dataset), own)
    return records.declare(dataset, **chosen, **({} if source is None else {"source": source}))
