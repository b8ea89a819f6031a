"""Long recordings, or parts of them, in clips of one length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from audiotag import audio
from audiotag.clips import sources
from audiotag.clips.clip_labels import label
from audiotag.clips.declaration import Clip, is_beyond
from audiotag.errors import AudioError


def cut(root: Path, clip: Clip, seconds: float) -> Iterator[Clip]:
    """A recording in consecutive clips, as `pieces` cuts it; one that cannot be opened stays one clip."""
    path = sources.path_of(root, clip.source)
    yield from pieces(clip, None if path is None else length_of(path), seconds)


def length_of(path: Path) -> float | None:
    """Seconds of a recording; None: it cannot be opened."""
    length, reason = sources.opened(path)
    try:
        return audio.seconds(path) if length is None and not reason else length
    except AudioError:
        return None


def is_readable(clip: Clip, length: float | None) -> bool:
    """Whether the clip lies in its recording.

    Args:
        clip: a recording or a part of it.
        length: of the recording, seconds; None: it cannot be opened.
    """
    return length is not None and clip.start < length and not is_beyond(clip.start, clip.end, length)


def pieces(clip: Clip, length: float | None, seconds: float, hop: float | None = None) -> Iterator[Clip]:
    """A clip in pieces of one length, the last one moved back so that it ends where the clip ends.

    Each has the split of the whole, so that they stay together, and its labels; where the clip has events, those of
    the events in the piece (see `clip_labels.label`). A rest below 2 % of a piece is left out, a shorter clip stays
    one, and so does one that cannot be read: the build rejects it and says why.

    Args:
        clip: a recording or a part of it.
        length: of the recording, seconds; None: it cannot be opened.
        seconds: length of a piece, in the recording's own time.
        hop: distance of two pieces. Default: that length.

    Yields:
        Clips named `ID#START`; the clip itself where it is not cut.
    """
    if not is_readable(clip, length):
        yield clip
        return
    end = length if clip.end is None else min(clip.end, length)
    window, step = round(1000 * seconds), round(1000 * (seconds if hop is None else hop))  # milliseconds
    starts = audio.windows(math.floor((end - clip.start) * 1000), window, step)
    if len(starts) == 1:
        yield clip
        return
    name = clip.source if clip.clip_id.startswith(f"{clip.source}#") else clip.clip_id
    cut = []
    for first in starts:
        start = round(clip.start + first / 1000, 3)
        cut.append(replace(clip, clip_id=f"{name}#{start:.3f}", start=start, end=round(start + seconds, 3)))
    yield from _divide(clip, cut) if clip.events else cut


def _divide(clip: Clip, parts: list[Clip]) -> Iterator[Clip]:
    """The parts with those events and labels of the clip that belong to them; labels without an event, to all."""
    events = [replace(each, onset=each.onset + clip.start, offset=each.offset + clip.start) for each in clip.events]
    always = set(clip.labels) - {event.label for event in events}
    for part in label(parts, events)[0]:
        wanted = always.union(part.labels)
        yield replace(part, labels=tuple(name for name in clip.labels if name in wanted))
