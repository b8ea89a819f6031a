"""Tag many files: folders are searched, and a bad file never stops the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.tagging.results import FileTags, Tag

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
    threshold: float | None = None,
    frames: bool = False,
    smooth: float | None = None,
    min_duration: float | None = None,
    gap: float | None = None,
) -> Iterator[FileTags]:
    """Tag files and folders one after the other, with a progress bar unless results go to the same terminal.

    Args:
        tagger: what names the sounds.
        paths: files and folders, as of `sound_files`.
        window: seconds; None: the tagger's own.
        hop: seconds; None: the window, or of events the longest by which windows join without a gap.
        top: labels a window, of events labels a file; None: all.
        threshold: smallest score that is given back, 0 to 1. None: the tagger's own thresholds, or 0 where it has none;
            of events that of `AudioTagger.events`.
        frames: give back events, each with its beginning and end, rather than the labels of windows.
        smooth: of events, as of `AudioTagger.events`. None: 0, as of the next two.
        min_duration: of events, as of `AudioTagger.events`.
        gap: of events, as of `AudioTagger.events`.

    Yields:
        The result of each file as soon as it is there; for a bad one, the reason.

    Raises:
        AudiotagError: an argument that is wrong whatever the file.
    """
    tagger.window_and_hop(window, hop)
    lengths = {"smooth": smooth, "min_duration": min_duration, "gap": gap}
    lengths = {name: seconds for name, seconds in lengths.items() if seconds is not None}
    prepare = _events if frames else _labels
    tag = prepare(tagger, threshold, {"top": top, "window": window, "hop": hop}, lengths)
    files = sound_files(paths)
    shown = nullcontext(lambda amount: None) if sys.stdout.isatty() else progress.bar("Tagging", len(files), "files")
    with shown as advance:
        for path in files:
            try:
                yield FileTags(path, tuple(tag(path)))
            except (AudiotagError, OSError) as error:
                yield FileTags(path, reason=str(error))
            advance(1)


def _labels(
    tagger: AudioTagger, threshold: float | None, options: dict[str, Any], lengths: dict[str, float]
) -> Callable[[Path], list[Tag]]:
    """What names the windows of a file, once its settings are known to be right."""
    top = options["top"]
    if lengths:
        raise AudiotagError(f"only events have {' and '.join(lengths)}, received without frames: add --frames")
    if top is not None and top < 1:
        raise AudiotagError(f"top must be at least 1, received {top}")
    tagger.least_scores(threshold)
    return lambda path: tagger.tag(path, threshold=threshold, **options)


def _events(
    tagger: AudioTagger, threshold: float | None, options: dict[str, Any], lengths: dict[str, float]
) -> Callable[[Path], list[Tag]]:
    """What finds the events of a file, once its settings and the network are known to be right."""
    from audiotag.tagging import events

    threshold = events.THRESHOLD if threshold is None else threshold
    events.check(threshold, top=options["top"], **{"smooth": 0.0, "min_duration": 0.0, "gap": 0.0, **lengths})
    events.network_of(tagger)
    return lambda path: tagger.events(path, threshold, **lengths, **options)
