"""The recordings that a data set was built from: size, time and checksum of each, in `sources.csv`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

from audiotag import audio, progress, storage, tables
from audiotag.errors import AudioError, AudiotagError
from audiotag.startup import processors

SOURCES = "sources.csv"
_TOGETHER = 64  # files that a thread looks at before it takes others
_SAMPLED = 4096  # bytes
_STORE_SUMS = ("md5Hash", "ETag", "etag", "content_md5")  # Google's, Amazon's, Microsoft's
_LISTED = 64  # remote files that are asked for one by one

Result = TypeVar("Result")


@dataclass(frozen=True)
class Source:
    """What a file was when it was looked at.

    Args:
        bytes: its size.
        modified: when it was changed, nanoseconds since 1970.
        sha256: of its bytes; "" where it was not read, or cannot be.
    """

    bytes: int
    modified: int
    sha256: str = ""

    def is_as(self, other: Source) -> bool:
        """Whether two are of the same size and time: then the file is taken to be the same."""
        return (self.bytes, self.modified) == (other.bytes, other.modified)


def path_of(root: Path, name: str) -> Path | None:
    """Where a recording lies; None: its name leads out of the folder, which anybody may have written into a table."""
    relative = Path(name)
    if not (storage.is_remote(root) or relative.anchor or ".." in relative.parts):
        return root / relative  # a tenth of the time, for millions of them
    try:
        return storage.inside(root, name)
    except AudiotagError:
        return None


def look(root: Path, name: str) -> Source | None:
    """Size and time of a recording; None: there is no such file in the folder."""
    path = path_of(root, name)
    return None if path is None else _look(path)


def _look(path: Path) -> Source | None:
    if storage.is_remote(path):
        state = storage.state(path)
        return None if state is None else Source(state.bytes, state.modified)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Source(status.st_size, status.st_mtime_ns) if path.is_file() else None


def opened(path: Path) -> tuple[float | None, str]:
    """What a recording tells when it is opened; its length is measured, and its faults are said, from one opening.

    It is opened once in a process as long as its size and time stay, of the last 262,144 (some 120 MB of memory).

    Returns:
        Its seconds (None: unknown until it is decoded), and why it cannot be opened ("": it can).
    """
    source = None if storage.is_remote(path) else _look(path)
    return _open(path) if source is None else _opened(str(path), source.bytes, source.modified)


@lru_cache(1 << 18)
def _opened(path: str, size: int, modified: int) -> tuple[float | None, str]:
    """As of `opened`; size and time say of which state of the file."""
    return _open(Path(path))


def _open(path: Path) -> tuple[float | None, str]:
    try:
        return audio.info(path).seconds, ""
    except AudioError as error:
        return None, " ".join(str(error).split())


def read_whole(path: Path, source: Source) -> Source:
    """With the checksum of the file, which is read once in a process as long as its size and time stay."""
    return replace(source, sha256=_checksum(path, source.bytes, source.modified))


def survey(root: Path, names: Iterable[str]) -> dict[str, Source]:
    """Size and time of recordings; those that are no files, or are not in the folder, are left out.

    Args:
        root: their folder.
        names: relative to it.
    """
    names = list(dict.fromkeys(names))
    if storage.is_remote(root) and len(names) > _LISTED:
        return _listed(root, names)
    looked = in_threads("Looking at the recordings", names, lambda name: look(root, name))
    return {name: source for name, source in looked.items() if source is not None}


def _listed(root: Path, names: Sequence[str]) -> dict[str, Source]:
    """What a store's listing says of files: a request for a thousand of them, not one for each."""
    listing = storage.retried(root, lambda: root.fs.find(root.path, detail=True))
    states = {path: storage.state_of(info) for path, info in listing.items()}
    known = ((name, states.get((root / name).path)) for name in names)
    return {name: Source(state.bytes, state.modified) for name, state in known if state is not None}


def same_bytes(root: Path, surveyed: Mapping[str, Source]) -> list[list[str]]:
    """Groups of recordings that are copies of one another; only files of one size and of like samples are read.

    Of remote ones, only those of one size to which the store gives one checksum, where it gives any.
    """
    alike = _alike_by_store(root) if storage.is_remote(root) else _sample
    groups = _groups({name: source.bytes for name, source in surveyed.items() if source.bytes})
    for what, key in (("Comparing the recordings", alike), ("Reading recordings that look alike", _checksum)):
        names = list(chain.from_iterable(groups))
        keys = in_threads(
            what, names, lambda name, key=key: key(root / name, surveyed[name].bytes, surveyed[name].modified)
        )
        groups = [part for group in groups for part in _groups({name: keys[name] for name in group if keys[name]})]
    return groups


def _alike_by_store(root: Path) -> Callable[[Path, int, int], object]:
    """What tells remote files apart without fetching them: the checksums that a listing gives."""
    listed = storage.retried(root, lambda: root.fs.find(root.path, detail=True))

    def mark(path: Path, size: int, modified: int) -> object:
        info = listed.get(path.path, {})
        return next((info[key] for key in _STORE_SUMS if info.get(key)), None) or _sample(path, size, modified)

    return mark


def in_threads(what: str, names: Sequence[str], function: Callable[[str], Result]) -> dict[str, Result]:
    """By name, what a function of files gives: it waits for the disk, or the network, more than it computes."""
    results: dict[str, Result] = {}
    parts = [names[begin : begin + _TOGETHER] for begin in range(0, len(names), _TOGETHER)]
    with (
        ThreadPoolExecutor(min(8, processors())) as threads,
        progress.bar(what, len(names), "recordings", transient=True) as advance,
    ):
        for together in threads.map(lambda part: [(name, function(name)) for name in part], parts):
            results.update(together)
            advance(len(together))
    return results


def write(folder: Path, sources: Mapping[str, Source]) -> None:
    """Write `sources.csv`, where there are any."""
    if sources:
        rows = ((name, source.bytes, source.modified, source.sha256) for name, source in sources.items())
        tables.write(folder / SOURCES, ("source", "bytes", "modified", "sha256"), rows)


def read(folder: Path) -> dict[str, Source]:
    """Read `sources.csv`; {} where there is none."""
    path = folder / SOURCES
    if not path.is_file():
        return {}
    table = tables.read(path, ("source", "bytes", "modified", "sha256"), encoding=tables.OWN)
    numbers = zip(*(tables.whole_numbers(path, table, column) for column in ("bytes", "modified")), strict=True)
    return {
        name: Source(*size, checksum)
        for name, size, checksum in zip(table["source"], numbers, table["sha256"], strict=True)
    }


def _groups(keys: Mapping[str, object]) -> list[list[str]]:
    """Names that have one key, where they are several."""
    by_key: dict[object, list[str]] = {}
    for name, key in keys.items():
        by_key.setdefault(key, []).append(name)
    return [group for group in by_key.values() if len(group) > 1]


@lru_cache(1 << 16)
def _sample(path: Path, size: int, modified: int) -> bytes:
    """A sum of the middle and the end of a file: recordings of one length differ there, if not in their headers.

    "" where it cannot be read. Its size and time say which state of it.
    """
    try:
        with storage.local_file(path, known=storage.State(size, modified)).open("rb") as file:
            file.seek(size // 2)
            middle = file.read(_SAMPLED)
            file.seek(max(size - _SAMPLED, 0))
            return hashlib.blake2b(middle + file.read(_SAMPLED), digest_size=16).digest()
    except OSError:
        return b""


@lru_cache(1 << 16)
def _checksum(path: Path, size: int, modified: int) -> str:
    """The checksum of a file; its size and time say which state of it."""
    try:
        return storage.sha256(storage.local_file(path, known=storage.State(size, modified)))
    except OSError:
        return ""
