"""`audiotag evaluate`: every class of a run, of any model file, of published weights, or of a table of scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audiotag import storage
from audiotag.startup import import_tensorflow_quietly


def evaluate(
    source: Annotated[
        list[str],
        typer.Argument(
            help="A run; a .keras, .tflite or .onnx file, a SavedModel; a published name; a table of scores (csv, "
            "parquet, npz). Several: the folds of a cross-validation, pooled.",
            metavar="SOURCE",
        ),
    ],
    data: Annotated[str | None, typer.Option(help="A built data set. Default: the run's.")] = None,
    split: Annotated[str | None, typer.Option(help="Splits. Default: test, else the validation of the run.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report. Default: the run, else new", parser=storage.here, metavar="<path>"),
    ] = None,
    slice_by: Annotated[
        list[str] | None, typer.Option(help="Column of clips.csv to slice by; again for more. Default: fitting ones.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Of the bootstrap; 0: no intervals.")] = 1000,
    unit: Annotated[str, typer.Option(help="What the bootstrap draws: recording or clip.")] = "recording",
    noise: Annotated[
        Path | None, typer.Option(help="Recordings without any class. Default: silence and made noise.")
    ] = None,
    recordings: Annotated[
        str | None, typer.Option("--source", help="Folder of the recordings. Default: where the build found them.")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="Table of labels, for a table of scores without --data.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Classes of a model that does not name them.")] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Of a model that does not state it, Hz.")] = None,
    outputs: Annotated[str | None, typer.Option(help="What a foreign model or table gives: scores or logits.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of the table.")] = False,
) -> None:
    """Measure every class: intervals, confusions, mistakes.

    The figures go to the terminal and into the folder: report.html, metrics.csv and .json, predictions.npz,
    model_card.md, and TensorBoard.
    """
    import_tensorflow_quietly()
    from rich.console import Console

    from audiotag import evaluation
    from audiotag.report import show, writing

    report = evaluation.evaluate(
        source,
        data=data,
        split=split,
        out=out,
        columns=slice_by,
        resamples=resamples,
        unit=unit,
        noise_folder=noise,
        recordings=recordings,
        truth=truth,
        labels=labels,
        sample_rate=sample_rate,
        outputs=outputs,
    )
    if as_json:
        typer.echo((report.out / writing.SUMMARY).read_text(encoding="utf-8"), nl=False)
    else:
        show(report, Console())
