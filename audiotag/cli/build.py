"""`audiotag build`: recordings into records; a data set's own options are those of its `declare`."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
import typer.main
from typer.core import TyperCommand

from audiotag.cli import engines, options
from audiotag.errors import AudiotagError, suggest

_DATASET = "audiotag.dataset"
_UNKNOWN = (inspect.Parameter.empty, Any)


class BuildCommand(TyperCommand):
    """The command with the options of the data set that is named, in its help."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """Note the data set before `--help` ends the parsing."""
        ctx.meta[_DATASET] = self.make_parser(ctx).parse_args(list(args))[0].get("dataset")
        return super().parse_args(ctx, args)

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:
        """List the command's options, then the data set's."""
        super().format_options(ctx, formatter)
        if dataset := ctx.meta[_DATASET]:
            from audiotag.clips import declaration

            described = declaration.function_of(dataset)
            program = typer.Typer(add_completion=False)
            program.command()(options.of(described)(lambda **choices: None))
            own = [each for each in typer.main.get_command(program).params if each.param_type_name == "option"]
            own = [each for each in own if each.name != "help"]
            if own:
                with formatter.section(f"Options of {dataset}"):
                    formatter.write_dl([_help_of(parameter, ctx) for parameter in own])
            formatter.write_paragraph()
            formatter.write_text(options.purpose(described))


def _help_of(parameter: Any, ctx: typer.Context) -> tuple[str, str]:
    """An option and its text; a switch takes a word here, see `dataset_options`."""
    if not getattr(parameter, "is_flag", False):
        return parameter.get_help_record(ctx) or (parameter.name, "")
    return f"{parameter.opts[0]} [true|false]", f"{parameter.help}  [default: {str(parameter.default).lower()}]"


def build(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="A dataset's name or .py file, or a folder with a folder a class.")],
    out: Annotated[str, typer.Option(help="Folder of the finished data set, or its address.")],
    source: Annotated[str | None, typer.Option(help="Where the recordings lie, if not to be downloaded.")] = None,
    variants: Annotated[int, typer.Option(help="Augmented views of every clip, beside the untouched one.")] = 0,
    augment: Annotated[str, typer.Option(help="none, light, standard, strong, or a .py file.")] = "standard",
    noise: Annotated[Path | None, typer.Option(help="Folder of background noises to mix in.")] = None,
    impulse_responses: Annotated[Path | None, typer.Option(help="Folder of room impulse responses.")] = None,
    front_end: Annotated[str, typer.Option(help="efficientat, passt, yamnet, panns, librosa …")] = "efficientat",
    seed: Annotated[int, typer.Option(help="Seed of the augmentation.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Worker processes. Default: one a core.")] = None,
    engine: engines.Name = "local",
    runner: engines.Runner = None,
    beam_option: engines.BeamOptions = None,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted build stopped.")] = True,
    keep_waveforms: Annotated[
        bool, typer.Option("--keep-waveforms", help="Store waveforms too, for teachers that need them.")
    ] = False,
    log_mel: Annotated[
        str,
        typer.Option(
            help="How log-mel is stored: float16; uint8, half the size; waveform: not at all, it is computed when read."
        ),
    ] = "float16",
    classes: Annotated[
        Path | None, typer.Option(help="A table with columns class,as: classes grouped, renamed or (empty) left out.")
    ] = None,
    other_classes: Annotated[
        str | None, typer.Option(help="Classes that the table does not name: keep or leave-out. Default: an error.")
    ] = None,
    allow_one_class: Annotated[bool, typer.Option("--allow-one-class", help="Build a single class as it is.")] = False,
    allow_commas: Annotated[
        bool, typer.Option("--allow-commas", help="'a, b' is one class, though a and b are classes too.")
    ] = False,
    allow_shared_recordings: Annotated[
        bool, typer.Option("--allow-shared-recordings", help="The same recording may be in two splits.")
    ] = False,
    max_rejects: Annotated[int, typer.Option(help="More rejected clips than this make exit code 1.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Build augmented log-mel records from recordings.

    A dataset's own options go at the end: `audiotag build esc50 --out data/esc10 --subset esc10`;
    `audiotag build esc50 --help` lists them.
    """
    from audiotag import records, storage
    from audiotag.augment import policy
    from audiotag.clips import checks, class_list, declaration

    chosen_engine = engines.beam(engine, runner, beam_option, workers)
    own = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    chosen = dataset_options(context.args, declaration.parameters(dataset), own)
    if source is not None:
        if storage.place(dataset).is_dir():
            raise AudiotagError(
                f"the recordings lie in the folder {dataset}, received --source {source} too: choose one"
            )
        chosen["source"] = source
    declared = records.declare(dataset, **chosen)
    if classes is not None:
        declared = class_list.apply(declared, classes, other_classes)
    elif other_classes is not None:
        raise AudiotagError(f"other classes are those of no list, received {other_classes!r} alone: add --classes")
    allowances = (allow_one_class, allow_commas, allow_shared_recordings)
    report = records.build(
        declared,
        out,
        front_end=front_end,
        policy=policy(augment, noise=noise, impulse_responses=impulse_responses),
        variants=variants,
        seed=seed,
        workers=None if chosen_engine else workers,
        engine=chosen_engine,
        resume=resume,
        keep_waveforms=keep_waveforms,
        log_mel=log_mel,
        allow=[name for name, allowed in zip(checks.ALLOWED, allowances, strict=True) if allowed],
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), default=str))
    else:
        done = f"{report.path}: {'already built, ' if report.existed else ''}{report.clips} clips"
        reasons = f" (see {report.path / 'clips.csv'})" if report.rejected else ""
        typer.echo(f"{done}, {report.examples} examples, {report.rejected} rejected{reasons}")
    foreseen = sum(bool(clip.fault) for clip in declared.clips)
    return int(report.rejected - foreseen > max_rejects)


def dataset_options(
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
        name = option[2:].replace("-", "_")
        is_switch = option.startswith("--") and name in parameters and parameters[name].annotation is bool
        if is_switch and not equals and (not rest or rest[0].startswith("--")):
            values[name] = True
            continue
        if not option.startswith("--") or not (equals or rest):
            raise AudiotagError(f"a dataset's options look like '--name value', received {option!r}")
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
