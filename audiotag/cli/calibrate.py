"""`audiotag calibrate`: scores that are probabilities, and from which score a class counts as found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiotag.cli import sources
from audiotag.report import formats
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from rich.table import Table

    from audiotag.evaluation.event_tuning import TunedEvents
    from audiotag.evaluation.note_tuning import TunedNotes
    from audiotag.evaluation.tuning import Tuned

_ALL_SHOWN = 60
_WORST_SHOWN = 20
_NAMED = 20


def calibrate(
    model: Annotated[list[str], typer.Argument(help=sources.SOURCE, metavar="SOURCE...")],
    method: Annotated[str, typer.Option(help="temperature, platt, isotonic or none.")] = "temperature",
    aim: Annotated[
        str | None,
        typer.Option(help="Of the thresholds: f1, f2 …, precision=0.9, false-alarms=1 (an hour), none. Default: f1."),
    ] = None,
    noise: Annotated[
        Path | None,
        typer.Option(help="Recordings without the classes, for false-alarms. Default: silence and made noise."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Another data set than the run's.")] = None,
    split: Annotated[str | None, typer.Option(help="Splits to fit on. Default: the run's validation.")] = None,
    labels: sources.Labels = None,
    front_end: sources.FrontEnd = None,
    sample_rate: sources.SampleRate = None,
    outputs: sources.Outputs = None,
) -> None:
    """Fit probabilities and thresholds on validation clips.

    The scores of a model become probabilities, and every class gets a threshold. Both are fitted on the validation
    clips, never on those of the test, and written into the run's tagger.keras; of any other model into a small file
    beside it, NAME.calibration.json, that every command finds. --method none removes them, or with --aim only the
    calibration.

    Where the clips have strong labels and the network keeps time, every class gets a threshold and a running median of
    steps too, by event-based F1: `audiotag tag --frames` uses them. A model of notes gets thresholds of their onsets
    and of what lasts, for `audiotag transcribe`.
    """
    import_tensorflow_quietly()
    from rich.console import Console
    from rich.text import Text

    from audiotag import evaluation
    from audiotag.evaluation.event_tuning import TunedEvents
    from audiotag.evaluation.note_tuning import TunedNotes

    stated = {"labels": labels, "front_end": front_end, "sample_rate": sample_rate, "outputs": outputs}
    tuned = evaluation.calibrate(model, method, aim, noise=noise, data=data, split=split, **stated)
    console = Console()
    if tuned.source:
        console.print(Text(f"Fitted on {tuned.source}"), soft_wrap=True)
    if tuned.calibration is not None:
        console.print(_improvement(tuned))
    if tuned.noise_hours:
        rate = f"a rate below {1 / tuned.noise_hours:.1f} an hour means none in it"
        console.print(Text(f"Heard {tuned.noise_hours:.2f} h of noise: {rate}"))
    if tuned.thresholds is not None:
        console.print(_thresholds(tuned))
        for line in _undecided(tuned):
            console.print(Text(line, style="yellow"))
    if isinstance(tuned.steps, TunedEvents):
        console.print(_events(tuned.steps, tuned.after.labels.names))
    if isinstance(tuned.steps, TunedNotes):
        console.print(_notes(tuned.steps))
    for line in tuned.notes:
        console.print(Text(line, style="yellow"), soft_wrap=True)
    fitted = "none" if tuned.calibration is None else tuned.calibration.method
    aims = "none" if tuned.thresholds is None else tuned.thresholds.aim
    typer.echo(f"{tuned.tagger}: calibration {fitted}, thresholds {aims}")
    typer.echo(f"Next: audiotag evaluate {' '.join(model)}")


def _improvement(tuned: Tuned) -> Table:
    """Calibration error and Brier score before and after."""
    from rich.table import Table

    from audiotag.metrics.reliability import reliability

    table = Table(box=None, pad_edge=False, caption="on the clips it was fitted on: new ones fare worse")
    for heading in ("", "ECE", "Brier"):
        table.add_column(heading, justify="right" if heading else "left")
    named = tuned.calibration.describe().removesuffix(f", fitted on {tuned.source}")
    for name, scored in (("uncalibrated", tuned.before), (named, tuned.after)):
        measured = reliability(scored)
        table.add_row(name, f"{measured.ece:.4f}", f"{measured.brier:.4f}")
    return table


def _thresholds(tuned: Tuned) -> Table:
    """A row a class in the order of the labels, or of more than 60 classes those of the least recall."""
    from rich.table import Table
    from rich.text import Text

    chosen, names = tuned.thresholds, tuned.after.labels.names
    table = Table(box=None, pad_edge=False, title=f"Thresholds: {chosen.aim}", title_justify="left")
    for heading in ("class", "threshold", "precision", "recall"):
        table.add_column(heading, justify="left" if heading == "class" else "right", overflow="fold")
    rows = range(len(names))
    if len(rows) > _ALL_SHOWN:
        rows = chosen.recall.argsort(kind="stable")[:_WORST_SHOWN]
        table.title += f"; {_WORST_SHOWN} of {len(names)} classes, least recall first"
    for index in rows:
        figures = (formats.figure(chosen.precision[index]), formats.figure(chosen.recall[index]))
        table.add_row(Text(names[index]), f"{chosen.values[index]:.4f}", *figures)
    return table


def _events(events: TunedEvents, names: Sequence[str]) -> Table:
    """A row a class with events, or of more than 60 those of the least F1."""
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    title = "Steps: best event F1"
    rows = [index for index in range(len(names)) if np.isfinite(events.usual_F1[index])]
    if len(rows) > _ALL_SHOWN:
        rows = sorted(rows, key=lambda index: events.F1[index])[:_WORST_SHOWN]
        title += f"; {_WORST_SHOWN} of {len(names)} classes, least F1 first"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for heading in ("class", "threshold", "median s", "event F1", "by 0.25 alone"):
        table.add_column(heading, justify="left" if heading == "class" else "right", overflow="fold")
    for index in rows:
        chosen = (events.decoding.thresholds[index], events.decoding.smooth[index])
        figures = (formats.figure(events.F1[index]), formats.figure(events.usual_F1[index]))
        kept = " (too few events)" if index in events.undecided else ""
        table.add_row(Text(names[index] + kept), f"{chosen[0]:.4f}", f"{chosen[1]:g}", *figures)
    return table


def _notes(notes: TunedNotes) -> Table:
    """The thresholds of notes, and what is gained by them."""
    from rich.table import Table

    from audiotag.tagging.note_decoding import NoteDecoding

    decoding, usual = notes.decoding, NoteDecoding()
    table = Table(box=None, pad_edge=False, title="Notes: best F1", title_justify="left")
    for heading in ("onset threshold", "frame threshold", "onset F1", "onset and offset F1"):
        table.add_column(heading, justify="right")
    rows = ((usual, notes.usual), (decoding, (notes.onset_F1, notes.note_F1)))
    for thresholds, figures in rows:
        table.add_row(
            f"{thresholds.onset_threshold:g}", f"{thresholds.frame_threshold:g}", *map(formats.figure, figures)
        )
    return table


def _undecided(tuned: Tuned) -> list[str]:
    """Lines about the classes whose threshold was not chosen."""
    chosen, labels = tuned.thresholds, tuned.after.labels.names
    parts = ((chosen.undecided, "keep 0.5, nothing decides"), (chosen.unreached, "never reach the aim"))
    return [
        f"{len(classes)} classes {what}: {formats.names([labels[index] for index in classes], _NAMED)}"
        for classes, what in parts
        if classes
    ]
