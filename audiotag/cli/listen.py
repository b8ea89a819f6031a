"""`audiotag listen`: name sounds while they happen."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiotag import storage
from audiotag.cli import sources

if TYPE_CHECKING:
    from audiotag.listening.events import Event

THRESHOLD = 0.3
"""From which score a sound begins where the model has no thresholds of its own."""


def listen(
    source: Annotated[
        str | None,
        typer.Argument(help="- for raw samples on standard input, or a sound file. Default: the microphone."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help=f"{sources.SOURCE} Default: mn04_as.")] = None,
    window: Annotated[float | None, typer.Option(help="Window in seconds. Default: the model's.")] = None,
    hop: Annotated[float | None, typer.Option(help="Seconds from one answer to the next. Default: 1.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Score from which a sound begins. Default: the model's, else 0.3.")
    ] = None,
    end_threshold: Annotated[
        float | None, typer.Option(help="Score below which it ends. Default: 0.7 of the one from which it begins.")
    ] = None,
    top: Annotated[int, typer.Option(help="Labels on the screen.")] = 8,
    only: Annotated[list[str] | None, typer.Option(help="A label that is looked for; repeat it.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="A label that is not.")] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="A file of JSON lines, one an event, written as it ends; it is added to.",
            parser=storage.here,
            metavar="<path>",
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Listen so long. Default: until Ctrl-C or the end.")] = None,
    device: Annotated[str | None, typer.Option(help="Microphone: its number or a part of its name.")] = None,
    rate: Annotated[int | None, typer.Option(help="Of raw samples or the microphone, Hz.")] = None,
    channels: Annotated[int, typer.Option(help="Of raw samples; they are averaged.")] = 1,
    format: Annotated[str, typer.Option(help="Of raw samples, little-endian: s16, s32 or f32.")] = "s16",
) -> None:
    """Name sounds while they happen.

    Levels, the best labels, and events as they begin and end, of a microphone (pip install
    "audiotag[microphone]"), of samples of another program, or of a file at its own pace. On a terminal a view is drawn,
    elsewhere a line is written for every beginning and end.
    """
    import numpy as np

    from audiotag import progress
    from audiotag.clip_format import describe_speed
    from audiotag.errors import AudiotagError
    from audiotag.listening import events as following
    from audiotag.listening import listening
    from audiotag.listening import sources as listened
    from audiotag.listening.screen import line
    from audiotag.tagging import tags

    if seconds is not None and not seconds > 0:
        raise AudiotagError(f"seconds to listen must be positive, received {seconds}")
    tags.check_top(top)
    opened = sources.open_model(model or ["mn04_as"], None)
    least = tags.least_scores(opened, threshold)
    if threshold is None and opened.thresholds is None:
        least = np.full(len(opened.labels), THRESHOLD)
    among = tags.kept(opened.labels, only or (), without or ())
    if end_threshold is not None and not 0 <= end_threshold <= least[among].max():
        raise AudiotagError(
            f"a sound ends below the score from which it begins, {least[among].max():g} at most: --end-threshold must "
            f"be from 0 to that, received {end_threshold}"
        )
    ends = None if end_threshold is None else np.minimum(least, end_threshold)
    followed = following.Events(opened.labels, np.where(among, least, np.inf), ends)
    if opened.speed not in (1, None):
        raise AudiotagError(
            f"listen hears sounds at their own speed, {opened.name} was trained on recordings played at "
            f"{describe_speed(opened.speed)}: tag files of them, or take another model"
        )
    raw = {"device": device, "rate": rate, "channels": channels, "format": format}
    heard_from, account = listened.opened(source, opened.sample_rate, **raw), listening.Account()
    if heard_from.sample_rate < opened.sample_rate:
        progress.say(
            f"{heard_from.name} has nothing above {heard_from.sample_rate / 2000:g} kHz to hear, where "
            f"{opened.sample_rate / 2000:g} kHz could be"
        )
    begun = datetime.now(UTC)
    with ExitStack() as stack:
        written = None if events is None else stack.enter_context(events.open("a", encoding="utf-8"))
        show = _shown(stack, heard_from.name, opened, np.where(among, least, np.inf), top, among)
        lengths: dict[str, Any] = {"window": window, "hop": hop, "seconds": seconds}
        try:
            for heard in listening.listen(opened, heard_from, followed, account, **lengths):
                show(heard, followed.open, account)
                _write(heard.ended, begun, written)
        except KeyboardInterrupt:
            pass
        finally:  # what was heard until then counts, whatever ended it
            left = followed.close()
            _write(left, begun, written)
            if not sys.stdout.isatty():
                for event in left:
                    typer.echo(line(event))
    progress.say(str(account))


def _write(over: list[Event], begun: datetime, file: Any) -> None:
    """A line an event that ended, at once: whoever reads the file need not wait."""
    if file is None:
        return
    for event in over:
        moment = begun + timedelta(seconds=event.start)
        fields = {**asdict(event), "start": round(event.start, 3), "end": round(event.end, 3)}
        fields |= {"score": round(event.score, 4), "time": moment.isoformat(timespec="milliseconds")}
        file.write(json.dumps(fields, ensure_ascii=False) + "\n")
        file.flush()


def _shown(stack: ExitStack, name: str, model: Any, thresholds: Any, top: int, among: Any) -> Any:
    """What shows a window: a view on a terminal, lines elsewhere."""
    from audiotag.listening import screen

    if not sys.stdout.isatty():

        def lines(heard: Any, sounding: Any, account: Any) -> None:
            for event in (*heard.ended, *heard.begun):
                typer.echo(screen.line(event))
            sys.stdout.flush()

        return lines
    from rich.live import Live

    drawn, live = screen.Screen(name, model.labels, thresholds, top, among), stack.enter_context(Live(transient=False))
    return lambda heard, sounding, account: live.update(drawn.draw(heard, sounding, account), refresh=True)
