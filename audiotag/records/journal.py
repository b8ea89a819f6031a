"""The journal of a build: which shards are finished, kept so that a build killed at any moment can go on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiotag import storage
from audiotag.clips.sources import Source
from audiotag.records.manifest import Shard


@dataclass(frozen=True)
class FinishedShard:
    """A shard that lies on the disk, and the clips that could not become part of it.

    Args:
        shard: name, split, size and checksum.
        rejected: reason by clip id.
        sources: the recordings that it was made from, by name; {} where they are no files.
        notes: what is to be known of the recordings, where nobody was there to be warned.
    """

    shard: Shard
    rejected: dict[str, str]
    sources: dict[str, Source] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Journal:
    """A folder with a small file a finished shard, written by whoever made the shard, once the shard is there.

    So one mechanism serves worker processes, workers on other machines, and stores to whose files nothing can be
    appended: what a build has finished does not depend on the process that started it.

    Args:
        folder: where the files lie.
        build: fingerprint of what is being built; files of another build count as none.
    """

    folder: Path
    build: str

    def add(self, finished: FinishedShard) -> None:
        """Enter a shard; it is on the disk when this returns."""
        entry = {"build": self.build, **dataclasses.asdict(finished)}
        with storage.write_atomically(self._path(finished.shard.name)) as file:
            json.dump(entry, file, ensure_ascii=False)

    def entries(self) -> dict[str, Path]:
        """The files by the names of their shards, whatever they hold."""
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        return {path.name.removesuffix(".json"): path for path in paths if path.name.endswith(".json")}

    def read(self, shard: str) -> FinishedShard | None:
        """What was entered for a shard; None: nothing, a torn file, or another build's."""
        try:
            entry = json.loads(storage.read_bytes(self._path(shard)).decode())
            return _finished(entry) if entry["build"] == self.build else None
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def load(self, records: Path) -> dict[str, FinishedShard]:
        """By name, the shards in a folder that an earlier run of the same build finished and that are still whole."""
        made = {name: self.read(name) for name in self.entries()}
        return {name: shard for name, shard in made.items() if shard is not None and _is_whole(records / name, shard)}

    def start(self, finished: dict[str, FinishedShard]) -> None:
        """Begin with what is known to be finished; whatever else lies in the folder is deleted."""
        known = self.entries()
        for path in self._others(finished):
            path.unlink()
        for name, made in finished.items():
            if name not in known:
                self.add(made)

    def _others(self, finished: dict[str, FinishedShard]) -> Iterator[Path]:
        kept = {self._path(name).name for name in finished}
        if self.folder.is_dir():
            yield from [path for path in self.folder.iterdir() if path.name not in kept]

    def _path(self, shard: str) -> Path:
        return self.folder / f"{shard}.json"


def _finished(entry: dict[str, Any]) -> FinishedShard:
    sources = {name: Source(**source) for name, source in entry["sources"].items()}
    return FinishedShard(Shard(**entry["shard"]), entry["rejected"], sources, tuple(entry["notes"]))


def _is_whole(path: Path, made: FinishedShard) -> bool:
    if storage.is_remote(path):  # whole or not there; reading it again would cost as much as making it
        state = storage.state(path)
        return state is not None and state.bytes == made.shard.bytes
    return path.is_file() and storage.sha256(path) == made.shard.sha256
