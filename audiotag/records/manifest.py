"""`dataset.json` and `clips.csv`: what a finished data set says about itself."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotag import __version__, storage, tables
from audiotag.clips.declaration import CLIP_COLUMNS, Clip
from audiotag.errors import AudiotagError
from audiotag.labels import join_cell
from audiotag.records.plan import FORMAT

MANIFEST, LABELS, CLIPS, RECORDS, TEACHERS = "dataset.json", "labels.csv", "clips.csv", "records", "teachers"
INCOMPLETE = ".incomplete"
_MADE_WITH = ("audiomentations", "librosa", "numpy", "scipy", "soundfile", "soxr")
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Shard:
    """A shard as the manifest lists it."""

    name: str
    split: str
    examples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The contents of `dataset.json`.

    Args:
        description: what decided the bytes; see `plan.describe`.
        licence: licence of the recordings.
        citation: what to cite.
        files: SHA-256 of `labels.csv` and `clips.csv`.
        shards: every shard, split after split.
        recordings: where the sound files lay at the build, seen from the data set; "" where there are none. It may
            change as folders are moved, so it is not in the fingerprint.
    """

    description: dict[str, Any]
    licence: str
    citation: str
    files: dict[str, str]
    shards: tuple[Shard, ...]
    recordings: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything above but `recordings`, the checksums of the shards included."""
        parts = dataclasses.asdict(self)
        del parts["recordings"]
        return storage.fingerprint(parts)

    def write(self, folder: Path) -> None:
        """Write `dataset.json`, with the versions of the libraries that computed the records."""
        value = {**self.description, "licence": self.licence, "citation": self.citation}
        value |= {"fingerprint": self.fingerprint, "files": self.files}
        libraries = {name: importlib.metadata.version(name) for name in _MADE_WITH}
        value["made_with"] = {"audiotag": __version__} | libraries
        if self.recordings:
            value["recordings"] = self.recordings
        value["shards"] = [dataclasses.asdict(shard) for shard in self.shards]
        storage.write_json(folder / MANIFEST, value)

    @classmethod
    def read(cls, folder: Path, *, check: bool = True) -> Manifest:
        """Read `dataset.json`; with `check`, its fingerprint must hold.

        Raises:
            AudiotagError: the folder is no data set, an unfinished one, or its manifest was damaged or edited.
        """
        if not storage.is_file(folder / MANIFEST):
            resolved = folder.resolve()
            beside = resolved.with_name(f".{resolved.name}{INCOMPLETE}")
            begun = (resolved / INCOMPLETE if storage.is_remote(folder) else beside).is_dir()
            remedy = "its build was interrupted: run it again" if begun else "make one with `audiotag build`"
            raise AudiotagError(f"{folder} is not a data set (it has no {MANIFEST}): {remedy}")
        value = storage.read_json(folder / MANIFEST)
        try:
            if value["format"] != FORMAT:
                raise AudiotagError(
                    f"{folder} has format {value['format']}, this audiotag reads format {FORMAT}: build it again"
                )
            apart = ("licence", "citation", "fingerprint", "files", "made_with", "recordings", "shards")
            manifest = cls(
                {key: part for key, part in value.items() if key not in apart},
                value["licence"],
                value["citation"],
                value["files"],
                tuple(Shard(**shard) for shard in value["shards"]),
                value.get("recordings", ""),
            )
            _check_names((*manifest.files, *(shard.name for shard in manifest.shards)), folder)
            if check and manifest.fingerprint != value["fingerprint"]:
                raise AudiotagError(
                    f"{folder / MANIFEST} does not have the fingerprint it states: it was damaged or edited; "
                    "restore it or build the data set again"
                )
        except (KeyError, TypeError) as error:
            raise AudiotagError(f"{folder / MANIFEST} lacks {error}: restore it or build the data set again") from error
        return manifest


def _check_names(names: Iterable[str], folder: Path) -> None:
    """Refuse what would lead out of the data set: a manifest may be anybody's."""
    for name in names:
        if not _FILE_NAME.fullmatch(name):
            raise AudiotagError(
                f"{folder / MANIFEST} lists files by their names, without folders, received {name!r}: it was damaged "
                "or edited; restore it or build the data set again"
            )


def row_of(clip: Clip) -> tuple[str | float, ...]:
    """A clip's cells in the columns that `clips.csv` always has, but for status and reason."""
    end = "" if clip.end is None else clip.end
    return (clip.clip_id, clip.source, clip.start, end, clip.split, join_cell(clip.labels))


def write_clips(folder: Path, clips: Sequence[Clip], rejected: dict[str, str]) -> None:
    """Write `clips.csv`: a row a declared clip, in the order declared; clips' further columns follow the common ones.

    Args:
        folder: where to write it.
        clips: every declared clip.
        rejected: reason by clip id.
    """
    further = list(dict.fromkeys(column for clip in clips for column in clip.columns))
    rows = (
        (
            *row_of(clip),
            "rejected" if clip.clip_id in rejected else "ok",
            " ".join(rejected.get(clip.clip_id, "").split()),
            *(clip.columns.get(column, "") for column in further),
        )
        for clip in clips
    )
    tables.write(folder / CLIPS, (*CLIP_COLUMNS, *further), rows)
