"""Long recordings in consecutive clips of one length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from audiotag import audio
from audiotag.errors import AudioError
from audiotag.records.declaration import Clip


def cut(root: Path, clip: Clip, seconds: float) -> Iterator[Clip]:
    """A recording in consecutive clips, the last one moved back so that it ends where the recording ends.

    Each has the labels and the split of the whole, so that the parts stay together. A rest below 2 % of a clip is left
    out, a shorter recording stays one clip, and so does one that cannot be opened: the build rejects it and says why.

    Args:
        root: folder of the recordings.
        clip: the whole recording; its events are not cut.
        seconds: length of a clip.

    Yields:
        Clips named `ID#START`; the clip itself where it is not cut.
    """
    try:
        length = audio.seconds(root / clip.source)
    except AudioError:
        yield clip
        return
    window = round(seconds * 1000)  # milliseconds
    starts = audio.windows(math.floor(length * 1000), window, window)
    if len(starts) == 1:
        yield clip
        return
    for first in starts:
        start, end = first / 1000, (first + window) / 1000
        yield replace(clip, clip_id=f"{clip.clip_id}#{start:.3f}", start=start, end=end)
