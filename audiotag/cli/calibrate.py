"""`audiotag calibrate`: scores that are probabilities, and from which score a class counts as found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from audiotag.evaluation.tuning import Tuned

_ALL_SHOWN = 60
_WORST_SHOWN = 20
_NAMED = 20


def calibrate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    method: Annotated[str, typer.Option(help="temperature, platt, isotonic or none.")] = "temperature",
    aim: Annotated[
        str | None,
        typer.Option(help="Of the thresholds: f1, f2 …, precision=0.9, false-alarms=1 (an hour), none. Default: f1."),
    ] = None,
    noise: Annotated[
        Path | None,
        typer.Option(help="Recordings without the classes, for false-alarms. Default: silence and made noise."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Another data set than the run's.")] = None,
    split: Annotated[str | None, typer.Option(help="Splits to fit on. Default: the run's validation.")] = None,
) -> None:
    """Fit probabilities and thresholds on validation clips.

    The scores of a run become probabilities, and every class gets a threshold. Both are fitted on the validation
    clips, never on those of the test, and written into the run's tagger.keras. --method none removes them, or with
    --aim only the calibration.
    """
    from audiotag.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    from rich.console import Console
    from rich.text import Text

    from audiotag import evaluation

    found = evaluation.calibrate(run, method, aim, noise=noise, data=data, split=split)
    console = Console()
    if found.source:
        console.print(Text(f"Fitted on {found.source}"), soft_wrap=True)
    if found.calibration is not None:
        console.print(_improvement(found))
    if found.noise_hours:
        told = f"a rate below {1 / found.noise_hours:.1f} an hour means none in it"
        console.print(Text(f"Heard {found.noise_hours:.2f} h of noise: {told}"))
    if found.thresholds is not None:
        console.print(_thresholds(found))
        for line in _undecided(found):
            console.print(Text(line, style="yellow"))
    fitted = "none" if found.calibration is None else found.calibration.method
    aims = "none" if found.thresholds is None else found.thresholds.aim
    typer.echo(f"{found.tagger}: calibration {fitted}, thresholds {aims}")
    typer.echo(f"Next: audiotag evaluate {run}")


def _improvement(found: Tuned) -> Table:
    """Calibration error and Brier score before and after."""
    from rich.table import Table

    from audiotag.metrics.reliability import reliability

    table = Table(box=None, pad_edge=False, caption="on the clips it was fitted on: new ones fare worse")
    for heading in ("", "ECE", "Brier"):
        table.add_column(heading, justify="right" if heading else "left")
    named = found.calibration.describe().removesuffix(f", fitted on {found.source}")
    for name, scored in (("uncalibrated", found.before), (named, found.after)):
        measured = reliability(scored)
        table.add_row(name, f"{measured.ece:.4f}", f"{measured.brier:.4f}")
    return table


def _thresholds(found: Tuned) -> Table:
    """A row a class in the order of the labels, or of more than 60 classes those of the least recall."""
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    chosen, names = found.thresholds, found.after.labels.names
    table = Table(box=None, pad_edge=False, title=f"Thresholds: {chosen.aim}", title_justify="left")
    for heading in ("class", "threshold", "precision", "recall"):
        table.add_column(heading, justify="left" if heading == "class" else "right", overflow="fold")
    rows = range(len(names))
    if len(rows) > _ALL_SHOWN:
        rows = np.argsort(chosen.recall, kind="stable")[:_WORST_SHOWN]
        table.title += f"; {_WORST_SHOWN} of {len(names)} classes, least recall first"
    for index in rows:
        measured = (chosen.precision[index], chosen.recall[index])
        figures = ("—" if np.isnan(value) else f"{value:.3f}" for value in measured)
        table.add_row(Text(names[index]), f"{chosen.values[index]:.4f}", *figures)
    return table


def _undecided(found: Tuned) -> list[str]:
    """Lines about the classes whose threshold was not chosen."""
    chosen, names, lines = found.thresholds, found.after.labels.names, []
    for classes, what in ((chosen.undecided, "keep 0.5, nothing decides"), (chosen.unreached, "never reach the aim")):
        if classes:
            more = f" … and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
            listed = ", ".join(names[index] for index in classes[:_NAMED])
            lines.append(f"{len(classes)} classes {what}: {listed}{more}")
    return lines
