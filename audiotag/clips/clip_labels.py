"""Labels of the clips of a recording, from events that somebody has marked in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from audiotag.clips.declaration import Clip, Event

LEAST_OVERLAP = 0.25
"""Seconds of an event that a clip has to hold, as OpenSoundscape recommends for the songs of birds."""


def label(
    clips: Sequence[Clip], events: Sequence[Event], least_overlap: float = LEAST_OVERLAP
) -> tuple[list[Clip], list[Event]]:
    """Give clips of one recording the classes that sound in them, and when.

    An event counts in every clip that holds `least_overlap` seconds of it, or all of it, or nothing but it. One that
    would count nowhere, a short one on the edge of two clips, counts in the clip that holds most of it, the earlier of
    two equal ones.

    Args:
        clips: with an end, in the order of their starts and of their ends, all times the recording's own.
        events: onset and offset in seconds from the beginning of the recording; a point, whose onset is its offset,
            is held by the clip that begins there or before it.
        least_overlap: seconds, not negative; 0 counts whatever is held at all.

    Returns:
        The clips, with the labels of the events that count in them, and with these events, cut at the clip's edges, in
        the order in which they begin; points are no events, since nobody can hear how long they sound. And the events
        that no clip holds anything of, in the order in which they begin.
    """
    spans = [(_microseconds(clip.start), _microseconds(clip.end)) for clip in clips]
    starts, ends = [begin for begin, _ in spans], [end for _, end in spans]
    least = _microseconds(least_overlap)
    held: list[list[Event]] = [[] for _ in clips]
    outside = []
    for event in sorted(events, key=lambda event: (event.onset, event.offset, event.label)):
        onset, offset = _microseconds(event.onset), _microseconds(event.offset)
        # Those that end after the onset and begin before the offset; of a point, those that begin where it is, too.
        touched = range(bisect_right(ends, onset), bisect_left(starts, offset + (onset == offset)))
        if onset == offset == ends[-1]:  # the last clip ends with its recording
            touched = range(len(clips) - 1, len(clips))
        overlaps = {index: min(offset, ends[index]) - max(onset, starts[index]) for index in touched}
        wanted = min(least, offset - onset)
        counted = [index for index, overlap in overlaps.items() if overlap >= min(wanted, ends[index] - starts[index])]
        if not counted and overlaps:
            counted = [max(overlaps, key=lambda index: (overlaps[index], -index))]
        if not counted:
            outside.append(event)
        for index in counted:
            held[index].append(event)
    return [_with_events(clip, own) for clip, own in zip(clips, held, strict=True)], outside


def _microseconds(seconds: float) -> int:
    return round(1_000_000 * seconds)


def _with_events(clip: Clip, events: Sequence[Event]) -> Clip:
    cut = [
        replace(
            event,
            onset=round(max(event.onset, clip.start) - clip.start, 6),
            offset=round(min(event.offset, clip.end) - clip.start, 6),
        )
        for event in events
        if event.offset > event.onset
    ]
    return replace(clip, labels=tuple(dict.fromkeys(event.label for event in events)), events=tuple(cut))
