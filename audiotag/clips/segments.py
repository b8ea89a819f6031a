"""Segments of YouTube videos: the recording of each, under the names that downloaders give."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from audiotag import audio, progress
from audiotag.errors import AudiotagError

# An id, or Y and an id; then perhaps where the segment begins, and perhaps where it ends.
_NAMES = tuple(
    re.compile(rf"{before}([A-Za-z0-9_-]{{11}})(?:[_-](\d+(?:\.\d+)?)(?:[_-]\d+(?:\.\d+)?)?)?") for before in ("", "Y")
)


class Segments:
    """Recordings of segments of videos, in a folder and the folders in it; hidden ones are left out.

    A file is named `ID.wav`, `YID.wav`, `ID_START.flac` or `YID_START_END.flac`, times in seconds or milliseconds, the
    suffix that of any sound. Names are read once, no file is looked at: two million take seconds.

    Args:
        root: the folder.

    Raises:
        AudiotagError: no such folder.
    """

    def __init__(self, root: str | Path) -> None:
        if not Path(root).is_dir():
            raise AudiotagError(f"source must be a folder of recordings, received {root}: no such folder")
        self._root, self._asked, self._vanished = root, 0, 0
        self._names: dict[str, str] = {}  # by id; several paths are separated by "//", in a third of a list's memory
        for folder, name in _files(str(root), frozenset()):
            stem, _, suffix = name.rpartition(".")
            if f".{suffix.lower()}" in _SUFFIXES:
                for pattern in _NAMES:
                    if match := pattern.fullmatch(stem):
                        others = self._names.get(match[1])
                        self._names[match[1]] = f"{folder}{name}" if others is None else f"{others}//{folder}{name}"

    def find(self, video: str, start: float) -> str | None:
        """The path of a segment's recording, relative to the root; None where there is none.

        Args:
            video: id of the video.
            start: of the segment in it, seconds; a name that states another one is another segment's.
        """
        self._asked += 1
        for path in sorted(filter(None, self._names.get(video, "").split("//"))):
            stem = path.rpartition("/")[2].rpartition(".")[0]
            for pattern in _NAMES:
                match = pattern.fullmatch(stem)
                if match and match[1] == video and (not match[2] or _is(start, float(match[2]))):
                    return path
        self._vanished += 1
        return None

    def check(self) -> None:
        """Say how many of the segments that were looked for have no recording.

        Raises:
            AudiotagError: none has one.
        """
        if self._vanished and self._vanished == self._asked:
            raise AudiotagError(
                f"{self._root} has no recording of the {self._asked} segments: they are named ID.wav, YID.wav, "
                "ID_30000.wav …"
            )
        if self._vanished:
            progress.say(
                f"{self._root}: {self._vanished} of {self._asked} segments have no recording; clips.csv lists them as "
                "rejected"
            )


_SUFFIXES = frozenset((*audio.SUFFIXES, *audio.DECODED_BY_PYAV))


def _is(start: float, stated: float) -> bool:
    return math.isclose(stated, start, abs_tol=1e-3) or math.isclose(stated, 1000 * start, abs_tol=1.0)


def _files(root: str, around: frozenset[str], inner: str = "") -> Iterator[tuple[str, str]]:
    """Folder (relative, with a slash at its end) and name of every file; links that lead back are not followed."""
    place = f"{root}/{inner}"
    real = os.path.realpath(place)
    if real in around:
        return
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _files(root, around | {real}, f"{inner}{entry.name}/")
            else:
                yield inner, entry.name
