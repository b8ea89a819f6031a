"""Tag many files: folders are searched, and a bad file never stops the others."""

from __future__ import annotations

import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from typing import IO, Any

from audiotag import audio, progress
from audiotag.clip_format import describe_speed
from audiotag.errors import AudiotagError, AudioWarning
from audiotag.startup import processors
from audiotag.tagging import tags
from audiotag.tagging.groups import Groups
from audiotag.tagging.tags import Tag
from audiotag.tagging.waveform_model import WaveformModel, window_and_hop


@dataclass(frozen=True)
class FileTags:
    """The tags of one file, or why there are none.

    Args:
        path: the file.
        tags: window by window, best first in each; or events in the order of their beginning.
        reason: why the file could not be tagged; "" where it was.
        recorded: when the recording began, as of `audio.recorded_at`; None where nobody says.
    """

    path: Path
    tags: tuple[Tag, ...] = ()
    reason: str = ""
    recorded: datetime | None = None


def sound_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files to tag.

    Args:
        paths: files, taken as they are, and folders, whose sound files (`audio.search`) are taken in sorted order,
            however deep, links followed.

    Raises:
        AudiotagError: a folder without sound files, or no path at all.

    Warns:
        AudioWarning: what a folder holds besides, in one line.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        search = audio.search(path)
        if not search.sounds:
            raise AudiotagError(f"{path} holds no sound files ({' '.join(audio.SUFFIXES)}): name another folder")
        if left_out := search.left_out():
            warnings.warn(f"left out of {shown_path(path)}: {left_out}", AudioWarning, stacklevel=2)
        files.extend(search.sounds)
    if not files:
        raise AudiotagError("nothing to tag: name at least one sound file or folder")
    return files


def tag_files(
    tagger: WaveformModel,
    paths: Iterable[str | Path],
    *,
    frames: bool = False,
    top: int | None = 5,
    threshold: float | None = None,
    window: float | None = None,
    hop: float | None = None,
    channel: str | None = None,
    speed: float | None = None,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    **of_events: float | None,
) -> Iterator[FileTags]:
    """Tag files and folders, in their order, with a progress bar.

    Args:
        tagger: what names the sounds: an `AudioTagger`, or any scorer (`audiotag.scorers.open`).
        paths: files and folders, as of `sound_files`.
        frames: give back events, each with its beginning and end, rather than the labels of windows.
        top: labels a window, of events labels a file; None: all.
        threshold: as of `AudioTagger.tag`, with `frames` as of `AudioTagger.events`, and so are the next two.
        window: seconds.
        hop: seconds.
        channel: as of `audio.Recording`.
        speed: how fast recordings are played; None: as of `speed_of_files`.
        only: names of the labels that may be given back; none: all.
        without: names of labels that are not.
        groups: names of labels by the name of their group, which becomes a label as well, as of `Groups`.
        of_events: smooth, min_duration, gap and end_threshold, as of `AudioTagger.events`. None: its default.

    Yields:
        The result of each file as soon as it is there; for a bad one, the reason.

    Raises:
        AudiotagError: an argument that is wrong whatever the file.
    """
    speed = speed_of_files(tagger, speed)
    window_and_hop(tagger, *(None if length is None else length / speed for length in (window, hop)))
    of_events = {name: value for name, value in of_events.items() if value is not None}
    if frames:
        from audiotag.tagging import events

        events.check_options(threshold, top=top, **of_events)
        events.network_of(tagger)
        events.decoding(tagger, threshold, of_events.get("smooth"), of_events.get("end_threshold"))
        tag = partial(events.events, tagger, **of_events)
    elif of_events:
        raise AudiotagError(f"only events have {' and '.join(of_events)}, received without frames: add --frames")
    else:
        tags.check_top(top)
        tags.least_scores(tagger, threshold)
        tag = partial(tags.tag, tagger)
    joined = Groups.of(groups or {}, tagger.labels)
    among = tags.kept(joined.labels(tagger.labels), only, without) if only or without else None
    tag = partial(tag, top=top, threshold=threshold, window=window, hop=hop, among=among, groups=joined)
    for path, result, reason in results_of("Tagging", paths, tag, channel, speed):
        yield FileTags(path, tuple(result or ()), reason, None if reason else audio.recorded_at(path))


def speed_of_files(model: WaveformModel, speed: float | None) -> float:
    """How fast files are played: as the recordings of the model's training, unless another speed is asked for.

    One line says so where that speed is not 1, or is not the one that is asked for.
    """
    played = (model.speed or 1.0) if speed is None else speed
    audio.Recording(Path(), speed=played)  # refuses what no recording can be played at
    chosen = speed is not None and model.speed in (speed, None)
    if model.speed != 1 and not chosen:
        progress.say(
            f"{model.limits.name} was trained on recordings played at {describe_speed(model.speed)}: these are played "
            f"at {describe_speed(played)} (--speed chooses)"
        )
    return played


def results_of(
    title: str, paths: Iterable[str | Path], work: Callable[[audio.Recording], Any], channel: str | None, speed: float
) -> Iterator[tuple[Path, Any, str]]:
    """Each file, what some work gives for it (None for a bad file), and why it gives nothing ("" where it does).

    Args:
        title: of the progress bar.
        paths: files and folders, as of `sound_files`.
        work: called with each file.
        channel: as of `audio.Recording`.
        speed: as of `audio.Recording`.

    Several files are decoded at once, one for each processor; their results come in the order of the files.
    """
    files = sound_files(paths)
    total = sum(map(_seconds, files)) if progress.is_live() else 0.0
    counting, stopped = threading.Lock(), threading.Event()
    threads = min(processors(), len(files))
    waiting: deque[AsyncResult[tuple[Path, Any, str]]] = deque()
    # Its threads are daemons, and leaving it waits for none: not for a decoder that hangs on a lost network drive.
    with (
        progress.bar(title, total, progress.SOUND, transient=sys.stdout.isatty()) as advance,
        ThreadPool(threads) as pool,
    ):

        def on_read(seconds: float) -> None:
            if stopped.is_set():
                raise AudiotagError("stopped")
            with counting:
                advance(seconds)

        def one(path: Path) -> tuple[Path, Any, str]:
            try:
                before = stamp(path)
                result = work(audio.Recording(path, channel, speed, on_read=on_read))
                if stamp(path) != before:
                    return path, None, f"{path.name} was written while it was read: tag it when it is whole"
                return path, result, ""
            except (AudiotagError, OSError) as error:
                return path, None, str(error)
            except Exception as error:  # of a decoder or of the model: one file is lost, not those after it
                return path, None, " ".join(f"{type(error).__name__}: {error}".split())

        try:
            for path in files:
                waiting.append(pool.apply_async(one, (path,)))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().get()
            while waiting:
                yield waiting.popleft().get()
        finally:  # nobody wants the rest
            stopped.set()


def _seconds(path: Path) -> float:
    """Length of a file for the progress bar; 0.0 where it is not known."""
    try:
        return audio.info(path).seconds or 0.0
    except AudiotagError:
        return 0.0


def stamp(path: Path) -> tuple[int, int] | None:
    """By which a file is known to be the same: its size and when it was changed; None where it is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def report_failure(path: Path, reason: str, errors: IO[str] | None) -> None:
    """Tell why a file gave nothing."""
    # Standard error is looked up now: a running progress bar has put itself in its place.
    print(f"audiotag: {shown_path(path)}: {reason}", file=errors or sys.stderr)


def shown_path(path: Path) -> str:
    """The path as text that any stream takes: bytes that are not UTF-8 appear as escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
