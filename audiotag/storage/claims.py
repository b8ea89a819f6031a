"""Claims: one process at a time uses a folder, whoever else asks is told so; a claim ends with its process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audiotag.errors import AudiotagError

try:
    import fcntl
except ImportError:  # Windows, where nothing is claimed
    fcntl = None


@contextmanager
def claim(folder: Path, taken: str) -> Iterator[None]:
    """Hold a folder, which is made if missing, against every other process; nothing is written into it.

    On Windows, and in file systems that know no locks, nothing is held.

    Args:
        folder: of this machine.
        taken: message of the error where another process holds it.

    Raises:
        AudiotagError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        _lock(opened, fcntl.LOCK_EX, taken)
        yield
    finally:
        os.close(opened)


def is_claimed(folder: Path) -> bool:
    """Whether a process holds a folder."""
    if fcntl is None or not folder.is_dir():
        return False
    opened = os.open(folder, os.O_RDONLY)
    try:
        # Shared: several that ask at once do not take each other for a holder.
        _lock(opened, fcntl.LOCK_SH, "")
    except AudiotagError:
        return True
    finally:
        os.close(opened)
    return False


def _lock(opened: int, kind: int, taken: str) -> None:
    try:
        fcntl.flock(opened, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AudiotagError(taken) from error
    except OSError:  # a file system without locks
        pass
