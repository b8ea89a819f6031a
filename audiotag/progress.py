"""Progress bars for long work: count, rate and time left on a terminal, one closing line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Silence every bar of this process (`--quiet`)."""
    global _quiet
    _quiet = quiet


def say(line: str) -> None:
    """Print a line on standard error, unless the process was told to be quiet."""
    if _quiet:
        return
    from rich.console import Console

    Console(stderr=True).print(line, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def bar(
    description: str, total: int, unit: str, *, done: int = 0, transient: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show the progress of `total` units of work on standard error.

    Args:
        description: what is being done, for example "Building data/esc10".
        total: amount of work, in units.
        unit: name of the unit, plural: "clips".
        done: units that an earlier run had finished.
        transient: the bar vanishes at the end, and nothing is printed elsewhere than on a terminal.

    Yields:
        advance: call it with the number of units just finished.
    """
    if _quiet:
        yield lambda amount: None
        return
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    started, finished = time.monotonic(), 0
    columns = (
        *("{task.description}", progress.BarColumn(), progress.MofNCompleteColumn(), "{task.fields[rate]}"),
        *(progress.TimeElapsedColumn(), "left", progress.TimeRemainingColumn()),
    )
    # Results that go into a file or a pipe must not be drawn around the bar.
    redirect, shown = sys.stdout.isatty(), console.is_terminal
    with progress.Progress(
        *columns, console=console, disable=not shown, redirect_stdout=redirect, transient=transient
    ) as live:
        task = live.add_task(description, total=total, completed=done, rate=unit)

        def advance(amount: int) -> None:
            nonlocal finished
            finished += amount
            live.update(task, advance=amount, rate=f"{finished / (time.monotonic() - started + 1e-9):.1f} {unit}/s")

        yield advance
    if not (shown or transient):
        seconds = time.monotonic() - started + 1e-9
        resumed = f", {done} from before" if done else ""
        console.print(
            f"{description}: {finished} {unit} in {seconds:.1f} s ({finished / seconds:.1f} {unit}/s{resumed})",
            highlight=False,
            soft_wrap=True,
        )
