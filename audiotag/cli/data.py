"""`audiotag build` and `audiotag verify`: recordings into records, and records checked."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from audiotag.errors import AudiotagError, suggest
from audiotag.startup import import_tensorflow_quietly

_UNKNOWN = (inspect.Parameter.empty, Any)


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
    options = _dataset_options(context.args, declaration.parameters(dataset), own)
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


def _dataset_options(
    arguments: list[str], parameters: Mapping[str, inspect.Parameter], own: Iterable[str]
) -> dict[str, Any]:
    """Keyword arguments for a dataset's `declare`, of what the command did not take for its own: `--subset esc10`.

    Args:
        arguments: `--name value` or `--name=value`.
        parameters: those of `declare`; their type hints decide what a value is read as.
        own: the command's own options, such as "--seed", one of which may have been meant.
    """
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        option, equals, text = rest.pop(0).partition("=")
        if not option.startswith("--") or not (equals or rest):
            raise AudiotagError(f"a dataset's options look like '--name value', received {option!r}")
        name = option[2:].replace("-", "_")
        if name not in parameters:
            known = {*own, *(f"--{known.replace('_', '-')}" for known in parameters)}
            raise AudiotagError(f"there is no option {option!r}: {suggest(option, known)}")
        values[name] = _value(option, text if equals else rest.pop(0), parameters[name].annotation)
    return values


def _value(option: str, text: str, hint: Any) -> Any:
    kinds = get_args(hint) or (hint,)
    guessed = any(kind in _UNKNOWN or isinstance(kind, str) for kind in kinds)
    tried = []
    for kind, what, reader in _READERS:
        if guessed or kind in kinds:
            try:
                return reader(text)
            except (ValueError, KeyError):
                tried.append(what)
    if tried and not guessed and not {str, Path} & set(kinds):
        raise AudiotagError(f"{option} must be {' or '.join(tried)}, received {text!r}")
    return text


_READERS: tuple[tuple[type, str, Callable[[str], Any]], ...] = (
    (bool, "true or false", lambda text: {"true": True, "false": False}[text.lower()]),
    (int, "a whole number", int),
    (float, "a number", float),
)
