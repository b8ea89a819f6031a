"""The sound files of a folder, links followed, and what lies beside them."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from audiotag import storage
from audiotag.audio.formats import DECODED_BY_PYAV, SUFFIXES


@dataclass(frozen=True)
class Search:
    """What a folder holds.

    Args:
        sounds: sound files, those that need PyAV among them, sorted.
        others: files whose suffix is none of sound, sorted.
        hidden: hidden files and folders (their names begin with a dot), sorted; what is in such a folder is not listed.
        unread: folders that cannot be read, and links that lead back into a folder that they lie in, sorted.
    """

    sounds: tuple[Path, ...]
    others: tuple[Path, ...]
    hidden: tuple[Path, ...]
    unread: tuple[Path, ...]

    def left_out(self) -> str:
        """One line about what is no sound, "" where there is nothing: "3 files that are no sound (.txt 2, .csv 1)"."""
        phrases = []
        if self.others:
            kinds = Counter(file.suffix.lower() or file.name for file in self.others)
            shown = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(5))
            more = f", {len(kinds) - 5} more kinds" if len(kinds) > 5 else ""
            phrases.append(f"{len(self.others)} files that are no sound by their suffix ({shown}{more})")
        if sounds := [file for file in self.hidden if file.is_dir() or file.suffix.lower() in SUFFIXES]:
            phrases.append(f"{len(sounds)} hidden ({', '.join(file.name for file in sounds[:3])})")
        if self.unread:
            phrases.append(
                f"{len(self.unread)} folders that cannot be read or are links into a folder around them "
                f"({', '.join(map(str, self.unread[:3]))})"
            )
        return "; ".join(phrases)


def _search_remote(folder: Path) -> Search:
    """Search behind an address, where nothing is a link."""
    sounds, others, hidden = [], [], []
    for address in storage.retried(folder, lambda: folder.fs.find(folder.path)):
        relative = address[len(folder.path) :].lstrip("/")
        parts = relative.split("/")
        if any(part.startswith(".") for part in parts):
            hidden.append(folder / relative)
        elif PurePosixPath(relative).suffix.lower() in SUFFIXES + DECODED_BY_PYAV:
            sounds.append(folder / relative)
        else:
            others.append(folder / relative)
    return Search(*(tuple(sorted(paths, key=str)) for paths in (sounds, others, hidden)), ())


def search(folder: str | Path) -> Search:
    """Search a folder, however deep; links to folders are followed, but for those that lead back.

    Args:
        folder: where to search; a folder of this machine, or an address as `storage.place` gives it.
    """
    sounds: list[Path] = []
    others: list[Path] = []
    hidden: list[Path] = []
    unread: list[Path] = []

    def walk(place: Path, around: frozenset[str]) -> None:
        real = os.path.realpath(place)
        if real in around:
            unread.append(place)
            return
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            unread.append(place)
            return
        for entry in entries:
            path = place / entry.name
            if entry.name.startswith("."):
                hidden.append(path)
            elif entry.is_dir():
                walk(path, around | {real})
            elif path.suffix.lower() in SUFFIXES + DECODED_BY_PYAV:
                sounds.append(path)
            else:
                others.append(path)

    if storage.is_remote(folder):
        return _search_remote(folder)
    walk(Path(folder), frozenset())
    return Search(*(tuple(sorted(paths)) for paths in (sounds, others, hidden, unread)))
