"""Tag many files: folders are searched, and a bad file never stops the others."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.tagging.results import FileTags

if TYPE_CHECKING:
    from audiotag.tagging.tagger import AudioTagger


def sound_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files to tag.

    Args:
        paths: files, taken as they are, and folders, whose sound files (`audio.SUFFIXES`) are taken in sorted order,
            however deep, hidden ones left out.

    Raises:
        AudiotagError: a folder without sound files, or no path at all.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        found = (file for file in path.rglob("*") if file.suffix.lower() in audio.SUFFIXES and not file.is_dir())
        shown = sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))
        if not shown:
            raise AudiotagError(f"{path} holds no sound files ({' '.join(audio.SUFFIXES)}): name another folder")
        files.extend(shown)
    if not files:
        raise AudiotagError("nothing to tag: name at least one sound file or folder")
    return files


def tag_files(
    tagger: AudioTagger,
    paths: Iterable[str | Path],
    *,
    window: float | None = None,
    hop: float | None = None,
    top: int | None = 5,
    threshold: float = 0.0,
) -> Iterator[FileTags]:
    """Tag files and folders one after the other, with a progress bar unless results go to the same terminal.

    Args:
        tagger: what names the sounds.
        paths: files and folders, as of `sound_files`.
        window: seconds; None: the tagger's own.
        hop: seconds; None: the window.
        top: labels a window; None: all.
        threshold: smallest score that is given back, 0 to 1.

    Yields:
        The result of each file as soon as it is there; for a bad one, the reason.

    Raises:
        AudiotagError: an argument that is wrong whatever the file.
    """
    if not 0 <= threshold <= 1:
        raise AudiotagError(f"threshold must be a score from 0 to 1, received {threshold}")
    if top is not None and top < 1:
        raise AudiotagError(f"top must be at least 1, received {top}")
    tagger.window_and_hop(window, hop)
    files = sound_files(paths)
    shown = nullcontext(lambda amount: None) if sys.stdout.isatty() else progress.bar("Tagging", len(files), "files")
    with shown as advance:
        for path in files:
            try:
                tags = tagger.tag(path, top=top, window=window, hop=hop)
                yield FileTags(path, tuple(tag for tag in tags if tag.score >= threshold))
            except (AudiotagError, OSError) as error:
                yield FileTags(path, reason=str(error))
            advance(1)
