"""A folder held by one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audiotag.errors import AudiotagError


@contextmanager
def locked(folder: Path, message: str) -> Iterator[None]:
    """Hold a folder, which is made if missing, within the block; the hold ends with the process too.

    Nothing is written into it: the lock lies on the folder itself. Windows, and file systems that know no locks, hold
    nothing.

    Args:
        folder: of this machine.
        message: of the error.

    Raises:
        AudiotagError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AudiotagError(message) from error
    except OSError:  # no locks here
        pass
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a process holds a folder by `locked`."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Shared: two that ask at once do not take each other for a holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks here
        pass
    finally:
        os.close(descriptor)
    return False
