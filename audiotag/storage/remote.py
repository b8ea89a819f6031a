"""Files of stores behind an address: fetched whole with retries, kept in a bounded cache, written at once."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import secrets
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, TypeVar

from audiotag.errors import AudiotagError, UnreachableError
from audiotag.storage.cache import cache_folder
from audiotag.storage.places import is_remote

BYTES_VARIABLE = "AUDIOTAG_REMOTE_BYTES"
"""How much of `AUDIOTAG_CACHE` copies of remote files may take, in bytes."""

_MOST_BYTES = 8 << 30
_RECENT = 64  # files that this process has just asked for, which are not deleted: it is going to open them
_ATTEMPTS, _FIRST_WAIT, _LONGEST_WAIT = 6, 0.25, 20.0  # seconds
_LONGEST_FETCH = 24 * 3600  # seconds
# What another attempt does not change.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
_LASTING_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EINVAL)
_LASTING_NAMES = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError")
_NETWORK = ("aiohttp", "botocore", "aiobotocore", "gcsfs", "google", "requests", "urllib3", "httpx", "asyncio")

Result = TypeVar("Result")


@dataclass(frozen=True)
class State:
    """Which bytes lie behind an address.

    Args:
        bytes: how many.
        modified: when they were written, nanoseconds since 1970, to the second; 0 where the store does not say.
    """

    bytes: int
    modified: int


def state(path: Path) -> State | None:
    """The state of a remote file; None: there is none."""
    try:
        return state_of(retried(path, lambda: path.fs.info(path.path)))
    except FileNotFoundError:
        return None


def delete_folder(folder: Path) -> None:
    """Delete a folder and what is in it, if it is there, remote or not."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(FileNotFoundError):
        retried(folder, lambda: folder.fs.rm(folder.path, recursive=True))


def is_file(path: Path) -> bool:
    """Whether there is such a file, remote or not."""
    return state(path) is not None if is_remote(path) else path.is_file()


def state_of(info: dict[str, Any]) -> State | None:
    """The state of a remote file by what a listing says of it; None: it is a folder."""
    if info.get("type") != "file":
        return None
    times = (info.get(key) for key in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"))
    written = next((moment for moment in times if moment), 0)
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    seconds = int(written.timestamp() if isinstance(written, datetime) else written)
    return State(int(info["size"]), seconds * 10**9)


def retried(path: Path, function: Callable[[], Result]) -> Result:
    """What a function gives, called again after timeouts, cut connections and errors of the server.

    Raises:
        UnreachableError: no attempt went well.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return function()
        except Exception as error:
            if not _passes(error):
                if isinstance(error, OSError | AudiotagError):
                    raise
                raise _unreachable(path, error) from error
            if attempt == _ATTEMPTS - 1:
                raise _unreachable(path, error) from error
            time.sleep(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0))
    raise AssertionError


def _passes(error: Exception) -> bool:
    if type(error).__name__ in _LASTING_NAMES or isinstance(error, _LASTING):
        return False
    if isinstance(error, OSError):
        return error.errno not in _LASTING_NUMBERS
    return type(error).__module__.split(".")[0] in _NETWORK


def _unreachable(path: Path, error: Exception) -> UnreachableError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UnreachableError(f"{path} cannot be reached ({reason}): check the network and the credentials, then go on")


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, remote or not."""
    return retried(path, lambda: path.fs.cat_file(path.path)) if is_remote(path) else path.read_bytes()


@contextmanager
def upload(path: Path, mode: str, **text: Any) -> Iterator[IO[Any]]:
    """Open a file that is sent to a store once the block has ended well: stores show whole files alone."""
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / path.name
        with local.open(mode, **text) as file:
            yield file
        retried(path, lambda: path.fs.put_file(str(local), path.path))


@contextmanager
def downloaded(path: Path) -> Iterator[Path]:
    """A file of this machine: the path itself, or a fresh copy that is deleted after the block."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / path.name
        _fetch(path, local, None, None)
        yield local


def local_file(path: Path, *, known: State | None = None, size: int | None = None, sha256: str | None = None) -> Path:
    """A file of this machine with the bytes of another: the path itself, or a copy in the cache.

    Args:
        path: any.
        known: the state of the file, where the store was just asked. Default: it is asked now.
        size: bytes that it must have. Default: those that the store says.
        sha256: its checksum, under which a copy is found without asking the store. Default: unknown.

    Raises:
        FileNotFoundError: there is no such remote file.
        UnreachableError: it cannot be fetched, or what comes is not what it must be.
    """
    if not is_remote(path):
        return path
    cache, key = _cache(cache_folder() / "remote", _most_bytes()), sha256
    if key is None:
        key, size = _key_of(path, known)
    if (copy := cache.find(key, path.name)) is not None:
        return copy
    return cache.add(key, path.name, lambda target: _fetch(path, target, size, sha256))


def _key_of(path: Path, known: State | None) -> tuple[str, int]:
    known = known or state(path)
    if known is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return hashlib.sha256(f"{path}\n{known}".encode()).hexdigest(), known.bytes


def _fetch(path: Path, target: Path, size: int | None, sha256: str | None) -> None:
    def fetch() -> None:
        path.fs.get_file(path.path, str(target))
        if size is not None and target.stat().st_size != size:
            raise OSError(errno.EIO, f"{target.stat().st_size} of {size} bytes came")
        if sha256 is not None:
            with target.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise OSError(errno.EIO, "its bytes do not have their checksum: it is damaged there, or on the way")

    retried(path, fetch)


def _most_bytes() -> int:
    stated = os.environ.get(BYTES_VARIABLE, str(_MOST_BYTES))
    if not stated.isdecimal():
        raise AudiotagError(f"{BYTES_VARIABLE} must be a number of bytes, received {stated!r}: 8589934592 is 8 GiB")
    return int(stated)


@lru_cache(8)
def _cache(folder: Path, most_bytes: int) -> Cache:
    return Cache(folder, most_bytes)


@dataclass
class Cache:
    """Copies of remote files, a folder each, the least recently used deleted; several processes may share it.

    Args:
        folder: where they lie.
        most_bytes: how much they may take; the last 64 files that this process has asked for stay in any case.
    """

    folder: Path
    most_bytes: int
    _recent: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)
    _bytes: int | None = field(default=None, repr=False)

    def find(self, key: str, name: str) -> Path | None:
        """A copy; None: there is none."""
        path = self.folder / key / name
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        self._note(key)
        return path

    def add(self, key: str, name: str, fetch: Callable[[Path], None]) -> Path:
        """A new copy, which a function writes."""
        path = self.folder / key / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._note(key)
        partial = self.folder / f"{secrets.token_hex(8)}.partial"  # not in its folder, which others might delete
        try:
            fetch(partial)
            path.parent.mkdir(exist_ok=True)
            partial.replace(path)
        except OSError as error:
            if error.errno not in _LASTING_NUMBERS:
                raise
            raise UnreachableError(
                f"{name} cannot be kept in {self.folder} ({error.strerror}): make room, or let {BYTES_VARIABLE} be less"
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        if self._bytes is not None:
            self._bytes += path.stat().st_size
        if self._bytes is None or self._bytes > self.most_bytes:
            self._shrink()
        return path

    def _note(self, key: str) -> None:
        self._recent[key] = None
        self._recent.move_to_end(key)
        while len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _shrink(self) -> None:
        """Delete the least recently used, down to nine tenths: a listing serves for many files."""
        used = []
        for folder in self.folder.iterdir():
            try:
                files = [path.stat() for path in folder.iterdir()]
            except FileNotFoundError:  # another process deletes too
                continue
            except NotADirectoryError:
                _delete_old(folder)
                continue
            used.append((max((file.st_mtime_ns for file in files), default=0), sum(f.st_size for f in files), folder))
        self._bytes = sum(size for _, size, _ in used)
        if self._bytes <= self.most_bytes:
            return
        for _, size, folder in sorted(used):
            if self._bytes <= 0.9 * self.most_bytes:
                break
            if folder.name not in self._recent:
                shutil.rmtree(folder, ignore_errors=True)
                self._bytes -= size


def _delete_old(partial: Path) -> None:
    """Delete what a killed process had begun to fetch."""
    with suppress(FileNotFoundError):
        if partial.stat().st_mtime < time.time() - _LONGEST_FETCH:
            partial.unlink()
