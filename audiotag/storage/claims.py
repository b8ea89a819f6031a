"""Claims: one process at a time uses a folder, whoever else asks is told so; a claim ends with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audiotag.errors import AudiotagError

try:
    import fcntl
except ImportError:  # Windows, where nothing is claimed
    fcntl = None


@contextmanager
def claim(path: Path, taken: str) -> Iterator[None]:
    """Hold a folder against every other process, by a lock on a file in it.

    Args:
        path: the file; made if missing, and its folder too. It stays.
        taken: message of the error where another process holds it.

    Raises:
        AudiotagError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AudiotagError(taken) from error
        yield


def is_claimed(path: Path) -> bool:
    """Whether a process holds a claim by this file."""
    if fcntl is None or not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            # Shared: several that ask at once do not take each other for a holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
