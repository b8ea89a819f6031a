"""`audiotag evaluate`: every class of a run, of any model file, of published weights, or of a table of scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audiotag import storage
from audiotag.errors import AudiotagError
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

    from audiotag import evaluation, tokens
    from audiotag.report import show, writing

    if len(source) == 1 and tokens.is_language_model(source[0]):
        others = (slice_by, noise, recordings, truth, labels, sample_rate, outputs)
        if unit != "recording" or any(other is not None for other in others):
            raise AudiotagError(
                f"{source[0]} is a language model of tokens: its evaluation takes --data, --split, --out, --resamples "
                "and --json alone"
            )
        _language_model(source[0], as_json, data=data, split=split, out=out, resamples=resamples)
        return

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


def _language_model(run: str, as_json: bool, **options: Any) -> None:
    """Measure a language model, and print its bits beside the baselines'."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from audiotag.evaluation import language_models
    from audiotag.report import formats, writing

    report = language_models.evaluate(run, **options)
    if as_json:
        typer.echo((report.out / writing.SUMMARY).read_text(encoding="utf-8"), nl=False)
        return
    console, shown = Console(), report.document.sections["next_token"].tables[0]
    console.print(Text(f"{report.document.title}: {report.document.lead}"))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, column in enumerate(shown.columns):
        table.add_column(column, justify="right" if number else "left")
    for row in shown.rows:
        table.add_row(*map(formats.cell, row))
    console.print(table)
    for line in (*report.document.conclusions, str(report.out / writing.PAGE)):
        console.print(Text(line), soft_wrap=True)
