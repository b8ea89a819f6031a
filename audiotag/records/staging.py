"""Where a build writes until its data set is whole: beside its place, or in it where a store can rename nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from audiotag import progress, storage
from audiotag.clips.sources import SOURCES
from audiotag.errors import AudiotagError
from audiotag.records.manifest import CLIPS, INCOMPLETE, LABELS, MANIFEST, RECORDS

FORMER = "former"
"""Where a data set lies for the moment in which another takes its place."""


class Beside:
    """A hidden folder beside the place of the data set, renamed at the end.

    Args:
        out: the data set.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.target = out, out.resolve()
        self.folder = self.target.with_name(f".{self.target.name}{INCOMPLETE}")
        self.data, self.journal = self.folder / "data", self.folder / "journal"

    def is_taken(self) -> bool:
        """Whether something lies in the place already."""
        return self.out.exists() and not (self.out.is_dir() and not any(self.out.iterdir()))

    def check_renewal(self, recordings: int) -> None:
        """A folder can be replaced at once."""

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder against a second build of the same data set; the claim ends with this process."""
        with storage.locked(self.folder, f"another process is building into {self.folder}: wait for it or end it"):
            yield

    def clean(self, keep: Container[str]) -> None:
        """Delete what a killed run left half-written."""
        records = self.data / RECORDS
        records.mkdir(parents=True, exist_ok=True)
        for path in self.data.rglob("*"):
            if path.is_file() and not (path.parent == records and path.name in keep):
                path.unlink()

    def keep(self, shard: str) -> None:
        """Take a shard over from the data set that is there: one file where the file system can do it, else a copy."""
        path, target = self.out / RECORDS / shard, self.data / RECORDS / shard
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)

    def publish(self, renewed: bool) -> None:
        """Put the finished data set into its place."""
        if renewed:
            self._carry()
            self.target.replace(self.folder / FORMER)
        self.data.replace(self.target)

    def discard(self) -> None:
        """Delete what has been made: nothing can come of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Delete what a build leaves beside a data set that is whole."""
        self._carry()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _carry(self) -> None:
        """What others have put beside the records, a teacher's logits for one, goes over to the new data set."""
        former = self.folder / FORMER
        for path in former.iterdir() if former.is_dir() else ():
            place = self.target / path.name
            if path.name not in (MANIFEST, LABELS, CLIPS, SOURCES, RECORDS) and not place.exists():
                path.replace(place)
                progress.say(f"{place} belongs to the records as they were before: make it again, or delete it")
        shutil.rmtree(former, ignore_errors=True)


class InPlace:
    """The place of the data set itself: `dataset.json` is written last, and only then it is one.

    Args:
        out: the data set, remote.
    """

    def __init__(self, out: Path) -> None:
        self.out = self.target = self.data = out
        self.folder = out / INCOMPLETE
        self.journal = self.folder / "journal"

    def is_taken(self) -> bool:
        """Whether something lies in the place that no interrupted build has left there."""
        if storage.is_file(self.out / MANIFEST):
            return True
        names = storage.retried(self.out, self._names)
        return bool(names) and INCOMPLETE not in names

    def _names(self) -> list[str]:
        return [path.name for path in self.out.iterdir()] if self.out.exists() else []

    def check_renewal(self, recordings: int) -> None:
        """Refuse a renewal, which readers would see half done.

        Raises:
            AudiotagError: always.
        """
        raise AudiotagError(
            f"{self.out} holds the data set as it was before {recordings} recordings were added, changed or repaired, "
            "and a store cannot replace it at once: build into another address, or delete it first"
        )

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Say that a build has begun here: what it leaves is no stranger's. A store has no locks."""
        with storage.write_atomically(self.folder / "begun") as file:
            file.write("A data set is being built here: `dataset.json` comes last, and this folder goes then.\n")
        yield

    def clean(self, keep: Container[str]) -> None:
        """Delete the shards of another build, and those that nobody has entered in the journal."""
        for path in (self.data / RECORDS).iterdir() if (self.data / RECORDS).is_dir() else ():
            if path.name not in keep:
                path.unlink()

    def publish(self, renewed: bool) -> None:
        """It lies where it is to lie."""

    def discard(self) -> None:
        """Delete what has been made: nothing can come of it."""
        for folder in (self.data / RECORDS, self.folder):
            storage.delete_folder(folder)

    def clear(self) -> None:
        """Delete the journal."""
        storage.delete_folder(self.folder)


def of(out: Path) -> Beside | InPlace:
    """Where the build of a data set writes."""
    return InPlace(out) if storage.is_remote(out) else Beside(out)
