"""The files of runs: every run folder below some folders, its files with their sizes and times, and how to read one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.run_folder import RECIPE
from audiotag.storage import State

_BLOCK = 1 << 16  # bytes asked of a store at a time: what is read of a checkpoint lies at its end

Result = TypeVar("Result")


@dataclass(frozen=True)
class RunFiles:
    """The files of one run.

    Args:
        folder: the run folder, here or in a store.
        name: what tells it from the others that were asked for: its path below the folder that was named.
        files: path within the folder, separated by "/", to size and time.
    """

    folder: Path
    name: str
    files: dict[str, State]

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return storage.read_bytes(self.folder / name)

    def parse(self, name: str, parser: Callable[[IO[bytes]], Result]) -> Result:
        """What a parser makes of a file, of which it reads what it needs."""
        path = self.folder / name
        if storage.is_remote(path):
            return storage.retried(path, lambda: _parse_remote(path, parser))
        with path.open("rb") as file:
            return parser(file)


def _parse_remote(path: Path, parser: Callable[[IO[bytes]], Result]) -> Result:
    with path.fs.open(path.path, "rb", block_size=_BLOCK) as file:
        return parser(file)


def find(folders: Sequence[Path | str]) -> list[RunFiles]:
    """Every run folder at or below some folders: whatever holds a `recipe.toml`; links are not followed.

    Args:
        folders: of this machine, or addresses.

    Returns:
        Ordered by folder and name. A run that lies below two of the folders is there once.

    Raises:
        AudiotagError: a folder that is not there.
        UnreachableError: a store that does not answer.
    """
    runs: dict[str, RunFiles] = {}
    for folder in map(storage.place, folders):
        below = list(_in_store(folder) if storage.is_remote(folder) else _here(folder))
        for run in sorted(below, key=lambda run: run.name):
            runs.setdefault(str(run.folder), run)
    return list(runs.values())


def files_of(run: Path) -> RunFiles:
    """The files of one run folder of this machine."""
    return RunFiles(run, run.resolve().name, _files_below(run))


def _here(root: Path) -> Iterator[RunFiles]:
    if not root.is_dir():
        raise AudiotagError(f"runs are looked for below a folder, {root} is none: name one that holds runs")
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if RECIPE in names:
            below.clear()
            path = Path(folder)
            yield RunFiles(path, _name(root, path.relative_to(root).as_posix()), _files_below(path))


def _files_below(run: Path) -> dict[str, State]:
    files = {}
    for folder, _, names in os.walk(run):
        for path in (Path(folder, name) for name in names):
            try:
                status = path.stat()
            except FileNotFoundError:  # a run that is being trained deletes what it no longer needs
                continue
            files[path.relative_to(run).as_posix()] = State(status.st_size, status.st_mtime_ns)
    return files


def _in_store(root: Path) -> Iterator[RunFiles]:
    """One listing for all of them: a store answers it about as fast as that of one folder."""
    start = root.path.rstrip("/")
    listing = storage.retried(root, lambda: root.fs.find(start, detail=True))
    states = {path.removeprefix(start).lstrip("/"): storage.state_of(about) for path, about in listing.items()}
    if not states:
        raise AudiotagError(f"runs are looked for below a folder, {root} holds nothing: name one that holds runs")
    runs: dict[str, dict[str, State]] = {}
    for path in sorted(states):
        if PurePosixPath(path).name == RECIPE:
            runs[path.removesuffix(RECIPE).rstrip("/")] = {}
    for path, state in states.items():
        run = next((run for run in _within(path) if run in runs), None)
        if run is not None and state is not None:
            runs[run][path.removeprefix(run).lstrip("/")] = state
    for run, files in runs.items():
        yield RunFiles(root / run if run else root, _name(root, run or "."), files)


def _within(path: str) -> list[str]:
    """Every folder that a file lies in, the outermost first; "" is the root."""
    return ["" if str(folder) == "." else str(folder) for folder in reversed(PurePosixPath(path).parents)]


def _name(root: Path, relative: str) -> str:
    if relative != ".":
        return relative
    return root.name if storage.is_remote(root) else root.resolve().name
