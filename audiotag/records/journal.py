"""The journal of a build: which shards are finished, kept so that a build killed at any moment can go on."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiotag import storage
from audiotag.records.manifest import Shard
from audiotag.records.sources import Source


@dataclass(frozen=True)
class FinishedShard:
    """A shard that lies on the disk, and the clips that could not become part of it.

    Args:
        shard: name, split, size and checksum.
        rejected: reason by clip id.
        sources: the recordings that it was made from, by name; {} where they are no files.
    """

    shard: Shard
    rejected: dict[str, str]
    sources: dict[str, Source] = field(default_factory=dict)


class Journal:
    """An append-only file of finished shards; its first line is the description of the build.

    Args:
        path: the journal file.
        description: what is being built; a journal of something else is not gone on with.
    """

    def __init__(self, path: Path, description: dict[str, Any]) -> None:
        self.path = path
        self.description = description

    def load(self, folder: Path) -> dict[str, FinishedShard]:
        """By name, the shards in a folder that an earlier run of the same build finished and that are still whole."""
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n") if self.path.exists() else []
        entries = [entry for entry in map(_parse, lines) if entry is not None]
        if not entries or entries[0] != self.description:
            return {}
        finished = (
            FinishedShard(
                Shard(**entry["shard"]),
                entry["rejected"],
                {name: Source(**source) for name, source in entry["sources"].items()},
            )
            for entry in entries[1:]
            if isinstance(entry.get("sources"), dict)  # an older audiotag wrote a checksum
        )
        return {
            made.shard.name: made
            for made in finished
            if (folder / made.shard.name).is_file() and storage.sha256(folder / made.shard.name) == made.shard.sha256
        }

    def start(self, finished: dict[str, FinishedShard]) -> None:
        """Begin the file anew with what is known to be finished: a torn last line of an earlier run is gone."""
        with storage.write_atomically(self.path) as file:
            for entry in (self.description, *map(dataclasses.asdict, finished.values())):
                file.write(_line(entry))

    def add(self, finished: FinishedShard) -> None:
        """Append a shard; it is on the disk when this returns."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(_line(dataclasses.asdict(finished)))
            file.flush()
            os.fsync(file.fileno())


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _parse(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
