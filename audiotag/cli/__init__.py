"""The command line: `audiotag build | verify | teach | train | calibrate | evaluate | compare | tag | embed | …`."""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_INTERRUPTED = 128 + 2  # as a shell counts a death by SIGINT
_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "choose a place that you may use",
    errno.EPERM: "choose a place that you may use",
}


def main() -> None:
    """Run the command line and exit: 0 done, 1 finished but something was rejected, 2 usage or input error."""
    try:
        from audiotag.cli.app import app
    except KeyboardInterrupt:
        sys.exit(_stop())
    sys.exit(run(app, sys.argv[1:]))


def run_recipe(experiment: Callable[..., Any]) -> None:
    """Run a recipe's main function as a program of its own: its parameters are the options.

    TensorFlow's start-up chatter is silenced, a user's mistake is one line.

    Args:
        experiment: function with type hints and defaults; its docstring is the help text, with the Args' lines for each
            option.
    """
    import typer

    from audiotag import storage
    from audiotag.cli import options
    from audiotag.cli.quiet import silenceable

    file = Path(sys.argv[0])
    known = file.resolve().parent == storage.library("recipes").resolve()
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    command = options.of(experiment)(lambda **choices: experiment(**choices))
    program.command(help=options.purpose(experiment))(silenceable(command))
    sys.exit(run(program, sys.argv[1:], name=f"audiotag recipe {file.stem if known else file}"))


def run(program: Callable[..., Any], arguments: list[str], name: str = "audiotag") -> int:
    """Run a typer program and return its exit code; a user's mistake is one line on standard error, no traceback.

    Args:
        program: what to run.
        arguments: of the command line.
        name: what the user calls it, for its messages and its help.
    """
    import typer

    from audiotag.errors import AudiotagError, Stopped

    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot encode must not end the work
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _warnings_as_lines():
            code = program(args=arguments, prog_name=name, standalone_mode=False) or 0
        return _stop() if code == _INTERRUPTED else code  # typer makes this code of Ctrl-C
    except Stopped as stop:
        _stop(str(stop))
        return stop.code
    except AudiotagError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return _stop()
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}; {_remedy(error.errno)}, then run it again")
    except Exception as error:
        if hasattr(error, "format_message"):
            command = getattr(getattr(error, "ctx", None), "command_path", name)
            message = error.format_message()
            return _complain(f"{message}{'' if message.endswith(('.', '?')) else '.'} Try '{command} --help'.")
        if (number := _disk_error(error)) is not None:
            return _complain(f"{os.strerror(number)}; {_remedy(number)}, then run it again")
        if reason := _unreachable(error):
            return _complain(reason)
        raise


def _remedy(number: int | None) -> str:
    return _REMEDIES.get(number, "check the path")


def _disk_error(error: Exception) -> int | None:
    """Number of the system's error that TensorFlow met when it wrote; None where it is another error."""
    if not type(error).__module__.startswith("tensorflow."):
        return None
    return next((number for number in _REMEDIES if os.strerror(number) in str(error)), None)


def _unreachable(error: Exception) -> str:
    """Why a remote shard did not come, where TensorFlow asked for it; "" where it is another error."""
    within = type(error).__module__.startswith("tensorflow.")
    message = re.search(r"UnreachableError: (.*)", str(error)) if within else None
    return message[1].strip() if message else ""


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """What is to be known of recordings is a line, said once; the warnings of libraries stay as they are."""
    from audiotag import progress
    from audiotag.errors import AudioWarning

    with warnings.catch_warnings():
        # Not the filter "once": libraries that filter warnings themselves make Python forget what was said.
        warnings.simplefilter("always", AudioWarning)
        show, lines = warnings.showwarning, set()

        def show_line(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if not issubclass(category, AudioWarning):
                show(message, category, *place, **options)
            elif str(message) not in lines:
                lines.add(str(message))
                progress.say(f"audiotag: {message}")

        warnings.showwarning = show_line
        yield


def _stop(message: str = "stopped; run it again: build, teach, train and sweep go on from what is finished") -> int:
    print(f"audiotag: {message}", file=sys.stderr)
    return _INTERRUPTED


def _complain(message: str) -> int:
    print(f"audiotag: {' '.join(message.split())}", file=sys.stderr)
    return 2
