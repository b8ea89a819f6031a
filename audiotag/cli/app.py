"""The application that the commands hang on, and what all of them share: quietness and exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

from audiotag import __version__, progress
from audiotag.cli import (
    bench,
    build,
    calibrate,
    catalogue,
    compare,
    data,
    embed,
    evaluate,
    export,
    found,
    listen,
    pick,
    presets,
    runs,
    serve,
    sweep,
    tag,
    teach,
    tokens,
    train,
    transcribe,
)
from audiotag.cli.quiet import Quiet, silenceable

app = typer.Typer(
    name="audiotag",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audiotag {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    quiet: Quiet = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Teach small networks to name sounds: build records, distil, evaluate every class, tag."""
    progress.set_quiet(quiet)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command(cls=build.BuildCommand, context_settings=EXTRA)(silenceable(build.build))
for command in (data.verify, data.inspect):
    app.command(context_settings=EXTRA)(silenceable(command))
for command in (
    *(teach.teach, train.train, sweep.sweep, runs.runs),
    *(calibrate.calibrate, evaluate.evaluate, compare.compare, export.export),
    *(tag.tag, found.summary, found.cut, pick.pick, listen.listen, serve.serve, transcribe.transcribe),
    *(tokens.tokens, tokens.surprise),
):
    app.command()(silenceable(command))
app.command("continue")(silenceable(tokens.continue_))  # a word that Python has taken
for command in (embed.embed, catalogue.models, presets.presets):
    app.command()(silenceable(command))
app.add_typer(bench.bench, name="bench")
app.command(context_settings={**EXTRA, "help_option_names": []})(catalogue.recipe)
