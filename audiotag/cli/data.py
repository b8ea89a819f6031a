"""`audiotag build` and `audiotag verify`: recordings into records, and records checked."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from audiotag.cli import dataset_options
from audiotag.errors import AudiotagError
from audiotag.startup import import_tensorflow_quietly


def build(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="A dataset's name or .py file, or a folder with a folder a class.")],
    out: Annotated[Path, typer.Option(help="Folder of the finished data set.")],
    source: Annotated[Path | None, typer.Option(help="Where the recordings lie, if not to be downloaded.")] = None,
    variants: Annotated[int, typer.Option(help="Augmented views of every clip, beside the untouched one.")] = 0,
    augment: Annotated[str, typer.Option(help="none, light, standard, strong, or a .py file.")] = "standard",
    noise: Annotated[Path | None, typer.Option(help="Folder of background noises to mix in.")] = None,
    impulse_responses: Annotated[Path | None, typer.Option(help="Folder of room impulse responses.")] = None,
    front_end: Annotated[str, typer.Option(help="efficientat, passt, yamnet, panns, librosa …")] = "efficientat",
    seed: Annotated[int, typer.Option(help="Seed of the augmentation.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Worker processes. Default: one a core.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted build stopped.")] = True,
    keep_waveforms: Annotated[
        bool, typer.Option("--keep-waveforms", help="Store waveforms too, for teachers that need them.")
    ] = False,
    max_rejects: Annotated[int, typer.Option(help="More rejected clips than this make exit code 1.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Build augmented log-mel records from recordings.

    A dataset's own options go at the end: `audiotag build esc50 --out data/esc10 --subset esc10`.
    """
    from audiotag import records
    from audiotag.augment import policy
    from audiotag.records import declaration

    own = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    options = dataset_options.read(context.args, declaration.parameters(dataset), own)
    if source is not None:
        if Path(dataset).is_dir():
            raise AudiotagError(
                f"the recordings lie in the folder {dataset}, received --source {source} too: choose one"
            )
        options["source"] = source
    declared = records.declare(dataset, **options)
    report = records.build(
        declared,
        out,
        front_end=front_end,
        policy=policy(augment, noise=noise, impulse_responses=impulse_responses),
        variants=variants,
        seed=seed,
        workers=workers,
        resume=resume,
        keep_waveforms=keep_waveforms,
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), default=str))
    else:
        done = f"{report.path}: {'already built, ' if report.existed else ''}{report.clips} clips"
        reasons = f" (see {report.path / 'clips.csv'})" if report.rejected else ""
        typer.echo(f"{done}, {report.examples} examples, {report.rejected} rejected{reasons}")
    return int(report.rejected > max_rejects)


def verify(
    path: Annotated[Path, typer.Argument(help="A built data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> int:
    """Check every shard and record of a data set.

    A damaged record is named by shard, offset and clip.
    """
    from audiotag import records

    import_tensorflow_quietly()
    problems = records.verify(path)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(problem) for problem in problems], default=str))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{path}: {len(problems)} problems" if problems else f"{path}: whole")
    return int(bool(problems))
