"""Folders of background noises and impulse responses: which files, in which order, with which checksum."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audiotag import audio, storage
from audiotag.errors import AudioError, AudiotagError, AudioWarning

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif"}  # what audiomentations takes for sound


@dataclass(frozen=True)
class SoundFolder:
    """The sound files in a folder and below it, in an order that does not depend on the file system.

    They are taken as they are, whatever speed the clips are played at: impulse responses and noises that were recorded
    as bats are must be slowed down as the bats are before.

    Args:
        path: the folder.
        files: paths below it, with forward slashes, sorted.
    """

    path: Path
    files: tuple[str, ...]

    @classmethod
    def find(cls, folder: str | Path, purpose: str) -> SoundFolder:
        """Every sound file under `folder`; one that cannot be read, or none at all, is an error.

        Args:
            folder: where to look.
            purpose: what the sounds are for, for the message: "noise", "impulse responses".
        """
        path = Path(folder).resolve()
        if not path.is_dir():
            raise AudiotagError(f"{purpose} must be a folder of sound files, received {folder}: no such folder")
        sounds = audio.search(path).sounds
        files = sorted(file.relative_to(path).as_posix() for file in sounds if file.suffix.lower() in _SUFFIXES)
        if len(files) < len(sounds):
            kinds = ", ".join(sorted({file.suffix.lower() for file in sounds} - _SUFFIXES))
            warnings.warn(
                f"{purpose}: {len(sounds) - len(files)} files of {folder} are left out, of kinds that it does "
                f"not read ({kinds})",
                AudioWarning,
                stacklevel=2,
            )
        if not files:
            raise AudiotagError(
                f"{purpose} must be a folder of sound files, {folder} has none of {', '.join(sorted(_SUFFIXES))}"
            )
        for file in files:
            try:
                audio.info(path / file)
            except AudioError as error:
                raise AudiotagError(f"{purpose} folder {folder}: {error}, or take it out of the folder") from error
        return cls(path, tuple(files))

    @property
    def paths(self) -> list[str]:
        """The files as absolute paths, in order."""
        return [str(self.path / file) for file in self.files]

    @cached_property
    def sha256(self) -> str:
        """Checksum of all files' names and contents; the folder's own place does not count."""
        return storage.fingerprint([[file, storage.sha256(self.path / file)] for file in self.files])

    def to_dict(self) -> dict[str, Any]:
        """Number of files and their common checksum."""
        return {"files": len(self.files), "sha256": self.sha256}
