"""Recordings of pieces of music whose notes are known, in clips of one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from audiotag.clips.declaration import Clip, Event
from audiotag.notes import Note
from audiotag.notes.rolls import HELD

_LEAST_REST = 0.25  # share of a clip: what is left at the end and shorter is left out
_DECIMALS = 6


def clips_of_piece(piece: Clip, notes: Sequence[Note], length: float, seconds: float) -> Iterator[Clip]:
    """A recording in consecutive clips, each with its notes; the last one may be shorter.

    A note that reaches over the edge of two clips is in both, and `HELD` in the second: it begins in the first alone.

    Args:
        piece: the recording as one clip, without labels and events.
        notes: of the recording, those of one pitch apart.
        length: of the recording, seconds.
        seconds: length of a clip.

    Yields:
        Clips named `ID#START`, with the pitches that sound in them as labels.
    """
    ordered = sorted(notes)
    for number in range(max(int(length / seconds + 1 - _LEAST_REST), 1)):
        start = number * seconds
        end = min(start + seconds, length)
        events = tuple(_event(note, start, end) for note in ordered if note.onset < end and note.offset > start)
        pitches = sorted({(note.pitch, note.name) for note in ordered if note.onset < end and note.offset > start})
        yield replace(
            piece,
            clip_id=f"{piece.clip_id}#{start:.3f}",
            start=round(start, _DECIMALS),
            end=round(end, _DECIMALS),
            labels=tuple(name for _, name in pitches),
            events=events,
        )


def _event(note: Note, start: float, end: float) -> Event:
    return Event(
        onset=round(max(note.onset - start, 0.0), _DECIMALS),
        offset=round(min(note.offset, end) - start, _DECIMALS),
        label=note.name,
        velocity=note.velocity if note.onset >= start else HELD,
    )
