"""The command line: `audiotag build | verify | teach | train | evaluate | tag | models | recipe`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Run the command line and exit: 0 done, 1 finished but something was rejected, 2 usage or input error."""
    from audiotag.cli.app import app

    sys.exit(run(app, sys.argv[1:]))


def run_recipe(experiment: Callable[..., Any]) -> None:
    """Run a recipe's main function as a program of its own: its parameters are the options.

    TensorFlow's start-up chatter is silenced, a user's mistake is one line.

    Args:
        experiment: function with type hints and defaults; its docstring is the help text.
    """
    import typer

    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    program.command()(experiment)
    sys.exit(run(program, sys.argv[1:]))


def run(program: Callable[..., Any], arguments: list[str]) -> int:
    """Run a typer program and return its exit code; a user's mistake is one line on standard error, no traceback."""
    from audiotag.errors import AudiotagError

    try:
        return program(args=arguments, standalone_mode=False) or 0
    except AudiotagError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        print("audiotag: stopped; what is finished is kept, run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}; make room or choose another place, then run it again")
    except Exception as error:
        if hasattr(error, "format_message"):
            command = getattr(getattr(error, "ctx", None), "command_path", "audiotag")
            return _complain(f"{error.format_message()} Try '{command} --help'.")
        raise


def _complain(message: str) -> int:
    print(f"audiotag: {' '.join(message.split())}", file=sys.stderr)
    return 2
