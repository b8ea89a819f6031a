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


@contextmanager
def silent() -> Iterator[None]:
    """Say nothing within the block."""
    before = _quiet
    set_quiet(True)
    try:
        yield
    finally:
        set_quiet(before)


SOUND = "of sound"
"""A unit whose amounts are given in seconds, and shown as a length of time beside the speed against real time."""


def is_live() -> bool:
    """Whether a bar would be drawn: on a terminal, unless the process was told to be quiet."""
    from rich.console import Console

    return not _quiet and Console(stderr=True).is_terminal


def say(line: str) -> None:
    """Print a line on standard error, unless the process was told to be quiet."""
    if _quiet:
        return
    from rich.console import Console

    Console(stderr=True).print(line, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def bar(
    description: str, total: float, unit: str, *, done: int = 0, transient: bool = False
) -> Iterator[Callable[[float], None]]:
    """Show the progress of `total` units of work on standard error.

    Args:
        description: what is being done, for example "Building data/esc10".
        total: amount of work, in units; of sound, in seconds.
        unit: name of the unit, plural: "clips"; or `SOUND`.
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
        *("{task.description}", progress.BarColumn(), "{task.fields[amount]}", "{task.fields[rate]}"),
        *(progress.TimeElapsedColumn(), "left", progress.TimeRemainingColumn()),
    )
    # Results that go into a file or a pipe must not be drawn around the bar.
    redirect, shown = sys.stdout.isatty(), console.is_terminal
    with progress.Progress(
        *columns, console=console, disable=not shown, redirect_stdout=redirect, transient=transient
    ) as live:
        fields = {"amount": _amount(done, total, unit), "rate": unit}
        task = live.add_task(description, total=total or None, completed=done, **fields)

        def advance(amount: float) -> None:
            nonlocal finished
            finished += amount
            rate = _rate(finished, time.monotonic() - started, unit)
            live.update(task, advance=amount, amount=_amount(done + finished, total, unit), rate=rate)

        yield advance
    if not (shown or transient):
        seconds = time.monotonic() - started
        resumed = f", {done} from before" if done else ""
        amount = _length(finished) if unit == SOUND else finished
        console.print(
            f"{description}: {amount} {unit} in {seconds:.1f} s ({_rate(finished, seconds, unit)}{resumed})",
            highlight=False,
            soft_wrap=True,
        )


def _amount(finished: float, total: float, unit: str) -> str:
    if unit == SOUND:
        return f"{_length(finished)} of {_length(total)}"
    return f"{finished:>{len(str(total))}}/{total}"


def _length(seconds: float) -> str:
    """Seconds, minutes or hours, three digits."""
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def _rate(finished: float, seconds: float, unit: str) -> str:
    rate = finished / (seconds + 1e-9)
    return f"{rate:.3g}x real time" if unit == SOUND else f"{rate:.1f} {unit}/s"
