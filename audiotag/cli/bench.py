"""`audiotag bench build | read | models`: what building, reading and scoring cost on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiotag.cli import sources
from audiotag.cli.quiet import silenceable
from audiotag.startup import import_tensorflow_quietly, processors

if TYPE_CHECKING:
    from rich.table import Table

bench = typer.Typer(no_args_is_help=True, help="Measure building, reading and scoring on this machine.")


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


@bench.command()
@silenceable
def models(
    model: Annotated[list[str], typer.Argument(help=sources.SOURCE.rsplit(". ", 1)[0] + ".", metavar="MODEL...")],
    threads: Annotated[int, typer.Option(help="Processors that each is bound to.")] = 1,
    rounds: Annotated[int, typer.Option(help="Windows of each that are timed.")] = 30,
    data: sources.Data = None,
    labels: sources.Labels = None,
    front_end: sources.FrontEnd = None,
    sample_rate: sources.SampleRate = None,
) -> None:
    """Time models from the waveform of one window to its scores, side by side.

    Each has a process of its own, and one window of each is scored in turn: what disturbs the machine meets all.
    "start" is from the start of the process to the first scores, "memory" the most that the process held, "ms" the
    median of the windows, "least" the quickest. "as fast" compares the quickest with that of the first model, by the
    second of sound.
    """
    from rich.console import Console

    from audiotag.scorers import speed

    stated = {"data": data, "labels": labels, "front_end": front_end, "sample_rate": sample_rate}
    speeds = speed.measure(model, threads=threads, rounds=rounds, **stated)
    table = _table("model", "kind", "size", "start", "memory", "ms", "least", "real time", "as fast")
    for each in speeds:
        ratio = (speeds[0].least / speeds[0].window) / (each.least / each.window)
        figures = (f"{each.median:.2f}", f"{each.least:.2f}", f"{each.real_time:,.0f}x", f"{ratio:.2f}")
        start, memory = f"{each.start:.1f} s", f"{each.memory / 1e6:,.0f} MB"
        table.add_row(each.name, each.kind, each.size, start, memory, *figures)
    Console(width=120).print(table)
    windows = " or ".join(f"{seconds:g} s" for seconds in sorted({each.window for each in speeds}))
    bound = f"{threads} processor{'' if threads == 1 else 's'} of {processors()}"
    print(f"{bound}, {rounds} windows of {windows} each, one at a time")


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="left" if column in ("log-mel", "part", "workers", "model", "kind") else "right"
        )
    return table
