"""`audiotag teach`: what a teacher says about every record, stored beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audiotag.cli import engines, sources
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly

_SHOWN = 10  # classes named when the teacher does not know them


def teach(
    data: Annotated[str, typer.Argument(help="A built data set.")],
    teacher: Annotated[
        list[str],
        typer.Option(
            help="A run folder; a .keras, .tflite or .onnx file; a SavedModel; a published name; module:function; or "
            ".npz/.npy of logits. Several are averaged."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Name of the outputs. Default: the teacher's.")] = None,
    labels: sources.Labels = None,
    label_map: Annotated[
        Path | None, typer.Option("--map", help="CSV (teacher,data): which class is which, where no name tells.")
    ] = None,
    ids: Annotated[Path | None, typer.Option(help="Table of clip ids (and variants) for the rows of a .npy.")] = None,
    splits: Annotated[str | None, typer.Option(help="Splits to teach, such as 'fold1..4'. Default: all.")] = None,
    top: Annotated[
        int | None, typer.Option(help="Store this many of the largest logits, and one for the rest. Default: all.")
    ] = None,
    frames: Annotated[
        bool, typer.Option(help="Store the logits of every step of time too, for `audiotag train --strong-weight`.")
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Examples a step.")] = 32,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run stopped.")] = True,
    engine: engines.Name = "local",
    runner: engines.Runner = None,
    beam_option: engines.BeamOptions = None,
    sample_rate: sources.SampleRate = None,
    outputs: sources.Outputs = None,
) -> None:
    """Store a teacher's logits beside the records.

    Every record and variant is scored once; run the same command again to resume after an interruption.
    """
    import_tensorflow_quietly()
    from audiotag import distill, records
    from audiotag.records import teachers

    on_beam = engines.beam(engine, runner, beam_option)
    opened = records.open(data)
    matched: dict[str, Any] = {"name": name, "label_map": label_map, "top": top}
    logits = [source for source in teacher if Path(source).suffix in (".npz", ".npy")]
    if logits:
        if len(teacher) > 1:
            raise AudiotagError(f"imported logits stand alone, received {len(teacher)} teachers: average them first")
        if splits is not None:
            raise AudiotagError(
                f"imported logits serve the clips that they name, received --splits {splits}: leave it out"
            )
        if frames:
            raise AudiotagError("imported logits are of clips, received --frames with them: leave it out")
        if on_beam:
            raise AudiotagError("imported logits are copied by this process: leave out --engine beam")
        folder = distill.import_logits(opened, Path(logits[0]), ids, labels=labels, **matched)
    elif ids is not None:
        raise AudiotagError(f"--ids names the rows of a .npy of logits, received {ids} with {teacher[0]}: leave it out")
    else:
        stated = {"labels": labels, "sample_rate": sample_rate, "outputs": outputs}
        options = {"splits": splits, "batch_size": batch_size, "resume": resume, "engine": on_beam, "frames": frames}
        folder = distill.teach(opened, teacher, **matched, **stated, **options)
    _report(folder, teachers.read(folder))


def _report(folder: Path, card: dict[str, Any]) -> None:
    without = card["classes_without"]
    named = ", ".join(without[:_SHOWN]) + (" …" if len(without) > _SHOWN else "")
    known = f"{card['classes_known']} of {card['classes']} classes known to the teacher"
    stored = f", the {card['top']} largest logits of each" if "top" in card else ""
    known += f"; without: {named}" if named else ""
    stored += f", and {card['steps']['count']} steps of {card['steps']['distance']:g} s" if "steps" in card else ""
    typer.echo(f"{folder}: {100 * card['coverage']:.4g}% of the records{stored}, {known}")
    for note in card["notes"]:
        typer.echo(f"  {note}")
