"""`audiotag bench build | read`: what building and reading records costs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiotag.cli.quiet import silenceable
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from rich.table import Table

bench = typer.Typer(no_args_is_help=True, help="Measure building and reading on this machine.")


@bench.command()
@silenceable
def read(
    path: Annotated[Path, typer.Argument(help="A built data set.")],
    split: Annotated[str, typer.Option(help="Splits.")] = "all",
    batch_size: Annotated[int, typer.Option(help="Examples a batch.")] = 64,
    mixup: Annotated[float, typer.Option(help="Alpha of the rows with mixup.")] = 0.3,
    step: Annotated[float, typer.Option(help="Milliseconds for which a step keeps an accelerator busy.")] = 0.0,
    seconds: Annotated[float, typer.Option(help="How long each row is measured.")] = 5.0,
) -> None:
    """Read a data set in random order, in each type of log-mel, with mixup and without.

    "waiting" is the share of the time in which the consumer waits for a batch: all of it, unless --step keeps it busy.
    """
    import_tensorflow_quietly()
    from rich.console import Console

    from audiotag import records
    from audiotag.records import benchmarks

    options = {"batch_size": batch_size, "mixup": mixup, "step": step / 1000, "seconds": seconds}
    table = _table("log-mel", "mixup", "clips/s", "MB/s", "waiting")
    for row in benchmarks.reading(records.open(path), split, **options):
        figures = (f"{row.clips_per_second:,.0f}", f"{row.megabytes_per_second:,.0f}", f"{row.waiting:.0%}")
        table.add_row(row.dtype, f"{row.mixup:g}" if row.mixup else "-", *figures)
    Console().print(table)


@bench.command()
@silenceable
def build(
    dataset: Annotated[str, typer.Argument(help="A dataset's name or .py file, or a folder with a folder a class.")],
    source: Annotated[Path | None, typer.Option(help="Where the recordings lie, if not to be downloaded.")] = None,
    variants: Annotated[int, typer.Option(help="Augmented views of every clip, beside the untouched one.")] = 0,
    augment: Annotated[str, typer.Option(help="none, light, standard, strong, or a .py file.")] = "standard",
    front_end: Annotated[str, typer.Option(help="efficientat, passt, yamnet, panns, librosa …")] = "efficientat",
    workers: Annotated[list[int], typer.Option(help="Worker processes; again for another number.")] = [1, 2],  # noqa: B006
) -> None:
    """Build a data set with several numbers of workers, and time each part of the work.

    What is built is deleted. "of the parts" is what the parts' own times would take on so many processors, as a share
    of what the build took.
    """
    from rich.console import Console

    from audiotag import records
    from audiotag.augment import policy
    from audiotag.records import benchmarks

    declared = records.declare(dataset, **({} if source is None else {"source": source}))
    speed = benchmarks.building(
        declared, policy=policy(augment), variants=variants, front_end=front_end, workers=workers
    )
    table = _table("part", "s", "ms a view", "share")
    whole = sum(speed.parts.values())
    for part, seconds in [*speed.parts.items(), ("sum", whole)]:
        table.add_row(part, f"{seconds:.2f}", f"{1000 * seconds / speed.views:.2f}", f"{seconds / whole:.0%}")
    Console().print(table)
    table = _table("workers", "s", "views/s", f"against {workers[0]}", "of the parts")
    for count, seconds in speed.builds.items():
        ratio = f"{speed.builds[workers[0]] / seconds:.2f}"
        table.add_row(
            str(count), f"{seconds:.2f}", f"{speed.views / seconds:.1f}", ratio, f"{speed.efficiency(count):.0%}"
        )
    Console().print(table)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in ("log-mel", "part", "workers") else "right")
    return table
