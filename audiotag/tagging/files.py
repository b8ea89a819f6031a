"""Tag many files: folders are searched, and a bad file never stops the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.tagging import tags
from audiotag.tagging.results import FileTags, Tag
from audiotag.tagging.waveform_model import WaveformModel, window_and_hop


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
        sounds = (file for file in path.rglob("*") if file.suffix.lower() in audio.SUFFIXES and not file.is_dir())
        shown = sorted(
            file for file in sounds if not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        if not shown:
            raise AudiotagError(f"{path} holds no sound files ({' '.join(audio.SUFFIXES)}): name another folder")
        files.extend(shown)
    if not files:
        raise AudiotagError("nothing to tag: name at least one sound file or folder")
    return files


def tag_files(
    tagger: WaveformModel,
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
        tagger: what names the sounds: an `AudioTagger`, or any scorer (`audiotag.scorers.open`).
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
    window_and_hop(tagger, window, hop)
    lengths = {"window": window, "hop": hop}
    chosen = {"threshold": threshold, "smooth": smooth, "min_duration": min_duration, "gap": gap}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    tag = (_events if frames else _labels)(tagger, top, chosen, lengths)
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
    tagger: WaveformModel, top: int | None, chosen: dict[str, float], lengths: dict[str, float | None]
) -> Callable[[Path], list[Tag]]:
    """What names the windows of a file, once its settings are known to be right."""
    threshold = chosen.pop("threshold", None)
    if chosen:
        raise AudiotagError(f"only events have {' and '.join(chosen)}, received without frames: add --frames")
    if top is not None and top < 1:
        raise AudiotagError(f"top must be at least 1, received {top}")
    tags.least_scores(tagger, threshold)
    return lambda path: tags.tag(tagger, path, top, threshold, **lengths)


def _events(
    tagger: WaveformModel, top: int | None, chosen: dict[str, float], lengths: dict[str, float | None]
) -> Callable[[Path], list[Tag]]:
    """What finds the events of a file, once its settings and the network are known to be right."""
    from audiotag.tagging import events

    options = events.EventOptions(top=top, **chosen)
    events.network_of(tagger)
    return lambda path: events.events(tagger, path, options, **lengths)
