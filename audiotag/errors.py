"""The errors that a user can meet: one root, one line each, saying the rule, the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AudiotagError(Exception):
    """Root of every error that audiotag raises on purpose; the command line prints it as one line."""


class AudioError(AudiotagError):
    """A sound file or waveform that cannot be used; the message is the reason written to `clips.csv`."""


class UnreachableError(AudiotagError):
    """A remote file that cannot be had now: nothing is known about the file itself."""


class AudioWarning(UserWarning):
    """What a user should know of a recording that is used all the same; the command line prints it as one line."""


class Stopped(AudiotagError):
    """The user, or the system, has ended a command; the message says what is kept of its work.

    Args:
        message: for the user.
        code: exit code of the command line; as a shell counts a death by SIGINT.
    """

    def __init__(self, message: str, code: int = 128 + 2) -> None:
        super().__init__(message)
        self.code = code


def suggest(received: str, known: Iterable[str]) -> str:
    """End of an error message about an unknown name: the nearest known one, and all of them if few.

    Args:
        received: the name that was not found.
        known: the names that exist.

    Returns:
        For example `did you mean 'mn04'? (known: mn02, mn04)`, or `choose one (known: mn02, mn04)`.
    """
    names = sorted(known)
    near = difflib.get_close_matches(received.lower(), names, n=1, cutoff=0.5)
    shown = ", ".join(names[:24]) + (f", … {len(names)} in all" if len(names) > 24 else "")
    return f"did you mean {near[0]!r}? (known: {shown})" if near else f"choose one (known: {shown})"
