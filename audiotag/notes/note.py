"""A note, the 88 pitches of a piano by name, and notes of one pitch kept from overlapping."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from audiotag.errors import AudiotagError, suggest
from audiotag.labels import Labels

LOWEST, HIGHEST = 21, 108
"""The lowest and the highest key of a piano, A0 and C8, as numbers of MIDI; 69 is the A of 440 Hz."""

PITCHES = HIGHEST - LOWEST + 1
LOUDEST = 127
"""The greatest velocity of MIDI."""

_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, order=True)
class Note:
    """A note of a recording.

    Args:
        onset: when it begins, seconds from the start of the recording, at least 0.
        offset: when it ends, seconds, after the onset.
        pitch: number of the key in MIDI, 21 (A0) to 108 (C8).
        velocity: how hard the key is struck, 1 to 127.

    Raises:
        AudiotagError: a value out of range.
    """

    onset: float
    offset: float
    pitch: int
    velocity: int

    def __post_init__(self) -> None:
        if not 0 <= self.onset < self.offset < math.inf:
            raise AudiotagError(
                f"a note begins at 0 s or later and ends after that, received {self.onset} to {self.offset} s"
            )
        if not LOWEST <= self.pitch <= HIGHEST:
            raise AudiotagError(f"the pitch of a note is {LOWEST} (A0) to {HIGHEST} (C8), received {self.pitch}")
        if not 1 <= self.velocity <= LOUDEST:
            raise AudiotagError(f"the velocity of a note is 1 to {LOUDEST}, received {self.velocity}")

    @property
    def name(self) -> str:
        """Name of its pitch: "C4" is the middle C."""
        return name_of(self.pitch)


def name_of(pitch: int) -> str:
    """Name of a number of MIDI, black keys with a sharp: 21 is "A0", 60 "C4", 61 "C#4"."""
    octave, step = divmod(pitch, len(_STEPS))
    return f"{_STEPS[step]}{octave - 1}"


def labels() -> Labels:
    """The 88 pitches as classes, from A0 to C8."""
    return Labels(tuple(name_of(pitch) for pitch in range(LOWEST, HIGHEST + 1)))


_PITCH_OF = {name_of(pitch): pitch for pitch in range(LOWEST, HIGHEST + 1)}


def pitch_of(name: str) -> int:
    """Number of a pitch in MIDI by its name.

    Raises:
        AudiotagError: no key of a piano has this name.
    """
    if name not in _PITCH_OF:
        raise AudiotagError(f"no key of a piano is named {name!r}: {suggest(name, _PITCH_OF)}")
    return _PITCH_OF[name]


def apart(notes: Iterable[Note]) -> tuple[tuple[Note, ...], int]:
    """Notes of one pitch kept apart: each ends at the latest where the next one of its pitch begins.

    Of notes of one pitch that begin together the longest is kept, with the greatest velocity of them.

    Args:
        notes: in any order.

    Returns:
        The notes in the order of onset, offset and pitch, and how many were cut or left out.
    """
    kept: dict[int, list[Note]] = {}
    changed = 0
    for note in sorted(notes):
        same = kept.setdefault(note.pitch, [])
        before = same[-1] if same else None
        if before is not None and before.offset > note.onset:
            changed += 1
            same.pop()
            if before.onset < note.onset:
                same.append(replace(before, offset=note.onset))
            else:
                note = replace(note, velocity=max(before.velocity, note.velocity))
        same.append(note)
    return tuple(sorted(note for same in kept.values() for note in same)), changed
