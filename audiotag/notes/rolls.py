"""Notes drawn on steps of time as a network is to find them, and notes decoded from what it finds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.notes.note import LOUDEST, LOWEST, PITCHES, Note

ONSET, FRAME, OFFSET, VELOCITY = range(4)
"""What a step says of a pitch, in the order of the last axis of a roll: whether a note begins there, whether one
sounds, whether one ends there, and how loud is what begins, its velocity as a share of 127."""

PARTS = 4
THRESHOLD = 0.5
SHORTEST = 0.05  # seconds
HELD = 0
"""In place of a velocity: the note had begun before the clip."""

_TIE = 1e-3  # steps: seconds are stored as float32, and half way between two steps they are to be the later one's
_JOINED = 1e-3  # seconds between the end of a note in one clip and its beginning in the next, but for rounding
_ROUNDING = 1e-6  # seconds: differences of times that are equal but for rounding

NoteRow = tuple[float, float, int, int]
"""Onset and offset in seconds, index of the pitch (0 is A0), velocity (`HELD`: it had begun before)."""


@dataclass(frozen=True)
class Grid:
    """Steps of time.

    Args:
        count: how many.
        distance: from one to the next, seconds.
        first: centre of the first one, seconds. Default 0.
    """

    count: int
    distance: float
    first: float = 0.0

    def nearest(self, seconds: float) -> int:
        """The step whose centre is nearest; it may lie before the first or after the last."""
        return math.floor((seconds - self.first) / self.distance + 0.5 + _TIE)


def rows_of(notes: Iterable[Note]) -> list[NoteRow]:
    """Notes as `draw` takes them."""
    return [(note.onset, note.offset, note.pitch - LOWEST, note.velocity) for note in notes]


def joined(parts: Iterable[tuple[float, Iterable[NoteRow]]]) -> tuple[Note, ...]:
    """The notes of a recording from those of its clips: what is held from one into the next is one note again.

    Args:
        parts: of every clip, when it begins in the recording, seconds, and its notes; in any order. What is held at a
            clip's beginning and ends no note of the clip before it, which is not there, is left out.

    Returns:
        In the order of onset, offset and pitch.
    """
    notes: list[tuple[float, float, int, int]] = []
    last: dict[int, int] = {}
    for start, rows in sorted(parts, key=lambda part: part[0]):
        for onset, offset, pitch, velocity in sorted(rows):
            before = last.get(pitch)
            if velocity != HELD:
                last[pitch] = len(notes)
                notes.append((start + onset, start + offset, pitch + LOWEST, velocity))
            elif before is not None and abs(notes[before][1] - (start + onset)) < _JOINED:
                begun, _, *rest = notes[before]
                notes[before] = (begun, start + offset, *rest)
    return tuple(sorted(Note(*note) for note in notes))


def draw(rows: Iterable[NoteRow], grid: Grid) -> np.ndarray:
    """The roll of notes: what a perfect network would say of every step.

    Onset and offset are drawn on the steps nearest to them; a note sounds from the former, which it always has, to the
    one before the latter. An offset in the last step, where clips are cut, is not drawn.

    Args:
        rows: notes; those of one pitch do not overlap.
        grid: the steps.

    Returns:
        (steps, 88, 4), float32, the last axis as `ONSET`, `FRAME`, `OFFSET`, `VELOCITY`.
    """
    roll = np.zeros((grid.count, PITCHES, PARTS), np.float32)
    for onset, offset, pitch, velocity in rows:
        begin = max(grid.nearest(onset), 0)
        end = max(grid.nearest(offset), begin + 1)
        if begin >= grid.count:
            continue
        if velocity != HELD:
            roll[begin, pitch, ONSET] = 1.0
            roll[begin, pitch, VELOCITY] = max(velocity / LOUDEST, roll[begin, pitch, VELOCITY])
        roll[begin:end, pitch, FRAME] = 1.0
        if end < grid.count - 1:
            roll[end, pitch, OFFSET] = 1.0
    return roll


def decode(
    roll: np.ndarray,
    grid: Grid,
    onset_threshold: float = THRESHOLD,
    frame_threshold: float = THRESHOLD,
    shortest: float = SHORTEST,
) -> list[Note]:
    """Notes from what a network says of every step.

    A note begins where the onset of a pitch has a peak that reaches its threshold: more than in the step before, no
    less than in the step after. It lasts while the frame of the pitch reaches its threshold, at most to the next peak.

    Args:
        roll: (steps, 88, 4) in 0 to 1, as of `draw`.
        grid: the steps.
        onset_threshold: from which a step may be an onset, 0 to 1.
        frame_threshold: from which a note lasts, 0 to 1.
        shortest: what lasts less, by more than half a step, is left out; seconds, 0 or more.

    Returns:
        In the order of onset, offset and pitch; those of one pitch do not overlap.

    Raises:
        AudiotagError: an argument out of range.
    """
    check_options(onset_threshold, frame_threshold, shortest)
    if not len(roll):
        return []
    onsets = np.pad(roll[:, :, ONSET], ((1, 1), (0, 0)), constant_values=-1.0)
    peaks = (onsets[1:-1] >= onset_threshold) & (onsets[1:-1] > onsets[:-2]) & (onsets[1:-1] >= onsets[2:])
    count = len(roll)
    # Where each pitch ends: no frame, or another onset; then the first such step from every step on.
    ends = (roll[:, :, FRAME] < frame_threshold) | peaks
    end_from = np.where(ends, np.arange(count)[:, None], count)
    end_from = np.minimum.accumulate(end_from[::-1])[::-1]
    end_from = np.concatenate([end_from, np.full((1, end_from.shape[1]), count)])
    notes, least = [], shortest - grid.distance / 2 - _ROUNDING
    for begin, pitch in np.argwhere(peaks).tolist():
        onset = grid.first + begin * grid.distance
        offset = grid.first + int(end_from[begin + 1, pitch]) * grid.distance
        if offset - onset >= least:
            velocity = round(float(roll[begin, pitch, VELOCITY]) * LOUDEST)
            notes.append(Note(onset, offset, pitch + LOWEST, min(max(velocity, 1), LOUDEST)))
    return sorted(notes)


def check_options(onset_threshold: float, frame_threshold: float, shortest: float) -> None:
    """Refuse options of `decode` that are out of range."""
    for name, value in (("onset_threshold", onset_threshold), ("frame_threshold", frame_threshold)):
        if not 0 <= value <= 1:
            raise AudiotagError(f"{name} lies in 0 to 1, received {value}: 0.5 is usual")
    if not 0 <= shortest < math.inf:
        raise AudiotagError(f"the shortest note is 0 s or more, received {shortest}: 0.05 is usual")
