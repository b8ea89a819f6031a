"""`audiotag serve`: a page and an API on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audiotag import storage
from audiotag.cli import sources


def serve(
    data: Annotated[
        str | None,
        typer.Argument(help="A built data set, whose clips are searched for similar ones.", metavar="[DATA]"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A run folder; a .keras, .tflite or .onnx file; a SavedModel; a published name; module:function. "
            "Repeat it: the page offers all of them. Default: mn04_as."
        ),
    ] = None,
    surprise: Annotated[
        str | None,
        typer.Option(
            help="Run of a language model of sounds (audiotag train TOKENS --model decoder): the page shows how "
            "surprising each moment is to it.",
            metavar="RUN",
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Where to listen; 0: any that is free.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any other than this machine's own is open to the network.")
    ] = "127.0.0.1",
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="Folder of corrected labels and their recordings. Default: corrections, here.",
            parser=storage.here,
            metavar="<path>",
        ),
    ] = None,
    max_megabytes: Annotated[float, typer.Option(help="Largest upload, millions of bytes.")] = 100.0,
    max_minutes: Annotated[float, typer.Option(help="Longest recording.")] = 10.0,
    labels: sources.Labels = None,
    front_end: sources.FrontEnd = None,
    sample_rate: sources.SampleRate = None,
    task: sources.Task = None,
    outputs: sources.Outputs = None,
) -> None:
    """Show what is heard on a page of this machine.

    Drop a sound file or record one: its waveform and log-mel, labels over time with a threshold each, surprise over
    time, similar clips of a data set, labels to correct, saved as a table that `audiotag build folder --table` takes.
    Behind it is an API, which /openapi.json describes. Needs pip install "audiotag[serve]".
    """
    from audiotag.serving import limits, server

    server.check_installed()
    bounds = limits.Limits(megabytes=max_megabytes, minutes=max_minutes)
    stated = {"labels": labels, "front_end": front_end, "sample_rate": sample_rate, "task": task, "outputs": outputs}
    scorers = [sources.open_model([name], None, **stated) for name in model or ["mn04_as"]]
    contents = server.Contents(scorers, data, surprise, corrections or Path("corrections"))
    server.serve(contents, host, port, bounds)
