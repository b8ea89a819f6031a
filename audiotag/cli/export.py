"""`audiotag export`: one file for a phone, a browser or a server, proved in its own runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiotag import progress, storage
from audiotag.cli import options
from audiotag.export.form import Form
from audiotag.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from rich.table import Table

    from audiotag.export import Artefact


@options.of(Form)
def export(
    source: Annotated[str, typer.Argument(help="A run folder; a .keras file of audiotag; a published name.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file. Default: in the run's folder export, else beside the source.",
            parser=storage.here,
            metavar="<path>",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    data: Annotated[str | None, typer.Option(help="Data set of the clips of the proof. Default: the run's.")] = None,
    split: Annotated[str | None, typer.Option(help="Its splits. Default: the run's validation, else all.")] = None,
    clips: Annotated[
        Path | None, typer.Option(help="Folder of sound files for the proof, instead of a data set.")
    ] = None,
    **choices: object,
) -> int | None:
    """Write one file that a bare runtime runs, and prove it there.

    The same clips go through the model and through the file; where the scores differ by more than the precision allows,
    nothing is written. NAME.parity.json beside the file says what was measured.
    """
    form = Form(**choices)
    import_tensorflow_quietly()
    import keras

    if keras.config.backend() != "tensorflow":
        return _again()
    from rich.console import Console
    from rich.text import Text

    from audiotag import export as exports

    artefact = exports.export(source, form, out, overwrite=overwrite, data=data, split=split, clips=clips)
    console = Console()
    title = f"{form.to} {form.precision} beside Keras, {artefact.parity.clips} clips of {artefact.parity.source}"
    console.print(Text(title), soft_wrap=True)
    console.print(_table(artefact))
    for name, difference in artefact.parity.others.items():
        console.print(Text(f"output {name!r}: differs by at most {difference:.2g} of its largest value"))
    typer.echo(f"{artefact.path}: {artefact.size}, {artefact.card.input.describe()}")
    typer.echo(f"Next: audiotag evaluate {artefact.path}")
    return None


def _again() -> int:
    """The same command in a process whose Keras runs on TensorFlow."""
    progress.say("exports are made on TensorFlow: starting again with KERAS_BACKEND=tensorflow")
    command = [sys.executable, "-m", "audiotag", *sys.argv[1:]]
    return subprocess.run(command, env=os.environ | {"KERAS_BACKEND": "tensorflow"}, check=False).returncode


def _table(artefact: Artefact) -> Table:
    """Differences beside what is allowed."""
    from rich.table import Table

    parity, allowed = artefact.parity, artefact.parity.tolerance
    table = Table(box=None, pad_edge=False)
    for heading in ("", "measured", "allowed"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("largest difference of a score", f"{parity.largest:.2g}", f"{allowed.largest:g}")
    table.add_row("mean difference", f"{parity.mean:.2g}", f"{allowed.mean:g}")
    table.add_row("clips with the same best class", f"{parity.agreement:.1%}", "")
    for name, (before, after) in parity.figures.items():
        table.add_row(f"{name} (Keras {before:.4f})", f"{after:.4f}", "")
    return table
