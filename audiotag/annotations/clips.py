"""Clips of annotated recordings: what counts in which, and what cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from audiotag.annotations.annotation import Annotation
from audiotag.clips.clip_labels import LEAST_OVERLAP, label
from audiotag.clips.cutting import is_readable, pieces
from audiotag.clips.declaration import Clip, Event, is_beyond


@dataclass(frozen=True)
class Cutting:
    """How recordings are cut into clips.

    Args:
        seconds: length of a clip as the network hears it.
        hop: distance of two clips, likewise.
        least_overlap: as of `clip_labels.label`, seconds of the recording.
    """

    seconds: float
    hop: float
    least_overlap: float = LEAST_OVERLAP

    def bare(self, recording: Clip, length: float | None) -> list[Clip]:
        """The clips of a recording without annotations; arguments as of `clips`."""
        return list(pieces(recording, length, self.seconds * recording.speed, self.hop * recording.speed))

    def clips(self, recording: Clip, length: float | None, marks: Sequence[Annotation]) -> tuple[list[Clip], int]:
        """The clips of an annotated recording.

        A mark that cannot be meant (without a label, that ends before it begins or after its recording) makes the clips
        that it touches faulty; where it touches none, it is a faulty clip itself.

        Args:
            recording: whole, without labels.
            length: seconds; None: it cannot be opened.
            marks: what is marked in it.

        Returns:
            The clips, and the number of events that no clip holds anything of. A recording that cannot be opened stays
            one clip with all labels, which the build rejects.
        """
        whole = self.bare(recording, length)
        if not is_readable(recording, length):
            labels = tuple(dict.fromkeys(mark.label for mark in marks if mark.label))
            return [replace(clip, labels=labels) for clip in whole], 0
        marks = [mark for mark in marks if not mark.nothing]
        faults = [(mark, reason) for mark in marks if (reason := _fault(mark, length))]
        wrong = {id(mark) for mark, _ in faults}
        events = [Event(mark.onset, mark.offset, mark.label) for mark in marks if id(mark) not in wrong]
        ended = [clip if clip.end is not None else replace(clip, end=length) for clip in whole]
        labelled, outside = label(ended, events, self.least_overlap)
        clips = [replace(clip, end=own.end) for clip, own in zip(labelled, whole, strict=True)]
        return [*_with_faults(clips, ended, recording, faults)], len(outside)


def _fault(mark: Annotation, length: float) -> str:
    span = f"{mark.onset:g} to {mark.offset:g} s"
    if mark.offset < mark.onset:
        return f"{mark.place}: an event ends before it begins, {span}"
    if mark.onset < 0:
        return f"{mark.place}: an event begins before its recording, {span}"
    if is_beyond(mark.onset, mark.offset, length):
        return f"{mark.place}: an event ends after its recording, {span} of {length:.3f} s"
    return "" if mark.label else f"{mark.place}: an event has no label, {span}"


def _with_faults(
    clips: Sequence[Clip], ended: Sequence[Clip], recording: Clip, faults: Sequence[tuple[Annotation, str]]
) -> Iterator[Clip]:
    reasons: dict[str, str] = {}
    alone: dict[str, Clip] = {}
    for mark, reason in faults:
        onset, offset = sorted((mark.onset, mark.offset))
        touched = [clip for clip in ended if onset < clip.end and (clip.start < offset or clip.start == onset)]
        for clip in touched:
            reasons.setdefault(clip.clip_id, reason)
        if not touched:
            name = f"{recording.clip_id}#{onset:.3f}-{offset:.3f}"
            alone[name] = replace(recording, clip_id=name, start=onset, end=offset, fault=reason)
    yield from (replace(clip, fault=reasons.get(clip.clip_id, clip.fault)) for clip in clips)
    yield from alone.values()
