"""A folder of a store as one of this machine, for what needs plain files: fetched, and sent when it has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from audiotag.storage.cache import cache_folder
from audiotag.storage.files import inside
from audiotag.storage.remote import retried

_OWN = ".partial"  # ends the names of files that are being written


def mirror(remote: Path) -> Mirror:
    """The copy of a remote folder that this process has, or a new one."""
    return _mirrors.setdefault(str(remote), Mirror(remote))


def send_back(path: Path) -> None:
    """Send what has changed in the copy of a remote folder in which a path lies; nothing where it lies in none."""
    if copy := _around(path):
        copy.send()


def origin(path: Path) -> Path:
    """Where a path comes from, for people: its remote place, where it lies in the copy of a remote folder."""
    if copy := _around(path):
        return copy.remote.joinpath(*path.absolute().relative_to(copy.local.absolute()).parts)
    return path


def _around(path: Path) -> Mirror | None:
    """The copy of a remote folder in which a path lies."""
    copies = (copy for copy in _mirrors.values() if path.absolute().is_relative_to(copy.local.absolute()))
    return next(copies, None)


class Mirror:
    """A copy of a remote folder, such as a run; one at a time writes to it.

    Args:
        remote: the folder, as `place` gives it; it need not be there.
    """

    def __init__(self, remote: Path) -> None:
        self.remote = remote
        address = hashlib.sha256(str(remote).encode()).hexdigest()
        self.local = cache_folder() / "mirrors" / address[:16] / remote.name
        self._sent: dict[str, tuple[int, int]] = {}

    def fetch(self) -> Path:
        """Make the local folder equal to the remote one, whatever it held: the store knows what was finished.

        Returns:
            The local folder; it is not made where the remote one is not there.

        Raises:
            AudiotagError: a name that leads out of the folder.
            UnreachableError: the store does not answer.
        """
        shutil.rmtree(self.local, ignore_errors=True)
        for name in self._names():
            path = inside(self.local, name)  # a key may hold anything, `..` too
            path.parent.mkdir(parents=True, exist_ok=True)
            remote = self.remote / name
            retried(remote, lambda remote=remote, path=path: remote.fs.get_file(remote.path, str(path)))
        self._sent = self._states()
        return self.local

    def send(self) -> None:
        """Send what has changed since it was fetched or sent, then delete what is gone here.

        Deletions come last: a process that ends in between leaves the older files, from which a run goes on.
        """
        states = self._states()
        for name, state in states.items():
            if self._sent.get(name) != state:
                remote, path = self.remote / name, self.local / name
                retried(remote, lambda remote=remote, path=path: remote.fs.put_file(str(path), remote.path))
        for name in self._sent.keys() - states.keys():
            remote = self.remote / name
            retried(remote, lambda remote=remote: remote.fs.rm_file(remote.path))
        self._sent = states

    def _names(self) -> list[str]:
        root = self.remote.path.rstrip("/")
        found = retried(self.remote, lambda: self.remote.fs.find(root))
        return [path.removeprefix(root).lstrip("/") for path in sorted(found)]

    def _states(self) -> dict[str, tuple[int, int]]:
        """Size and time of every local file, those of the folder itself first: they say what the others are."""
        states = {}
        for folder, _, names in os.walk(self.local):
            for name in names:
                if not name.endswith(_OWN):
                    status = (path := Path(folder, name)).stat()
                    states[path.relative_to(self.local).as_posix()] = (status.st_size, status.st_mtime_ns)
        return dict(sorted(states.items(), key=lambda item: ("/" in item[0], item[0])))


_mirrors: dict[str, Mirror] = {}
