"""The recordings that a data set was built from: size, time and checksum of each, in `sources.csv`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from audiotag import progress, storage, tables

SOURCES = "sources.csv"


@dataclass(frozen=True)
class Source:
    """What a file was when it was looked at.

    Args:
        bytes: its size.
        modified: when it was changed, nanoseconds since 1970.
        sha256: of its bytes; "" where it cannot be read.
    """

    bytes: int
    modified: int
    sha256: str


def survey(root: Path, names: Iterable[str], known: Mapping[str, Source] | None = None) -> dict[str, Source]:
    """Look at recordings; those that are no files, or are not there, are left out.

    Args:
        root: their folder.
        names: relative to it.
        known: what an earlier survey saw: a file of the same size and time is taken to be the same.
    """
    known = known or {}
    sizes = {name: size for name in dict.fromkeys(names) if (size := _size(root / name))}
    kept = {name: known[name] for name, size in sizes.items() if name in known and _same(known[name], size)}
    waiting = [name for name in sizes if name not in kept]
    with (
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads,
        progress.bar("Looking at the recordings", len(waiting), "recordings", transient=True) as advance,
    ):
        for name, checksum in zip(
            waiting, threads.map(lambda name: _checksum(root / name, *sizes[name]), waiting), strict=True
        ):
            kept[name] = Source(*sizes[name], checksum)
            advance(1)
    return {name: kept[name] for name in sizes}


def same_bytes(root: Path, names: Iterable[str]) -> list[list[str]]:
    """Groups of recordings that are copies of one another; only files of one size are read."""
    by_size: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        if size := _size(root / name):
            by_size.setdefault(size[0], []).append(name)
    copies: dict[str, list[str]] = {}
    for name, source in survey(root, [name for group in by_size.values() if len(group) > 1 for name in group]).items():
        if source.sha256:
            copies.setdefault(source.sha256, []).append(name)
    return [group for group in copies.values() if len(group) > 1]


def fingerprint(names: Iterable[str], surveyed: Mapping[str, Source]) -> str:
    """One checksum of several recordings; those that are no files do not count."""
    return storage.fingerprint(sorted((name, surveyed[name].sha256) for name in set(names) if name in surveyed))


def write(folder: Path, surveyed: Mapping[str, Source]) -> None:
    """Write `sources.csv`, where there are any."""
    if surveyed:
        rows = ((name, source.bytes, source.modified, source.sha256) for name, source in surveyed.items())
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


def _size(path: Path) -> tuple[int, int] | None:
    """Size and time of a file; None: there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) if path.is_file() else None


def _same(source: Source, size: tuple[int, int]) -> bool:
    return (source.bytes, source.modified) == size


@lru_cache(1 << 16)
def _checksum(path: Path, size: int, modified: int) -> str:
    """The checksum of a file; its size and time say which state of it."""
    try:
        return storage.sha256(path)
    except OSError:
        return ""
