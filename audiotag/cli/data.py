"""`audiotag build` and `audiotag verify`: recordings into records, and records checked."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from audiotag.errors import AudiotagError


def build(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="A dataset's name or .py file, or a folder with a folder a class.")],
    out: Annotated[Path, typer.Option(help="Folder of the finished data set.")],
    source: Annotated[Path | None, typer.Option(help="Where the recordings lie, if not to be downloaded.")] = None,
    variants: Annotated[int, typer.Option(help="Augmented views of every clip, beside the untouched one.")] = 0,
    augment: Annotated[str, typer.Option(help="none, light, standard, strong, or a .py file.")] = "standard",
    noise: Annotated[Path | None, typer.Option(help="Folder of background noises to mix in.")] = None,
    impulse_responses: Annotated[Path | None, typer.Option(help="Folder of room impulse responses.")] = None,
    front_end: Annotated[str, typer.Option(help="efficientat, passt, yamnet or librosa.")] = "efficientat",
    seed: Annotated[int, typer.Option(help="Seed of the augmentation.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Worker processes. Default: one a core.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted build stopped.")] = True,
    max_rejects: Annotated[int, typer.Option(help="More rejected clips than this make exit code 1.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Build augmented log-mel records from recordings.

    A dataset's own options go at the end: `audiotag build esc50 --out data/esc10 --subset esc10`.
    """
    from audiotag import records
    from audiotag.augment import policy

    options = dataset_options(context.args)
    if source is not None and not Path(dataset).is_dir():
        options["source"] = source
    declaration = records.declare(dataset, **options)
    report = records.build(
        declaration,
        out,
        front_end=front_end,
        policy=policy(augment if variants else "none", noise=noise, impulse_responses=impulse_responses),
        variants=variants,
        seed=seed,
        workers=workers,
        resume=resume,
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), default=str))
    else:
        typer.echo(
            f"{report.path}: {report.clips} clips, {report.examples} examples, {report.rejected} rejected"
            + (f" (see {report.path / 'clips.csv'})" if report.rejected else "")
        )
    return int(report.rejected > max_rejects)


def verify(
    path: Annotated[Path, typer.Argument(help="A built data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> int:
    """Check every shard, checksum and record of a data set; names shard, offset and clip."""
    from audiotag import records
    from audiotag.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    problems = records.verify(path)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(problem) for problem in problems], default=str))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{path}: {len(problems)} problems" if problems else f"{path}: whole")
    return int(bool(problems))


def dataset_options(arguments: list[str]) -> dict[str, Any]:
    """`--subset esc10 --seconds 2` as keyword arguments; numbers and true/false are read as such."""
    options: dict[str, Any] = {}
    rest = [part for argument in arguments for part in (argument.split("=", 1) if "=" in argument else [argument])]
    while rest:
        name = rest.pop(0)
        if not name.startswith("--") or not rest:
            raise AudiotagError(f"a dataset's options look like '--name value', received {name!r}")
        options[name[2:].replace("-", "_")] = _value(rest.pop(0))
    return options


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
