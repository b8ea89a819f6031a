"""Notes as tokens: how long to wait, which key, how long it sounds; and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from audiotag.labels import Labels
from audiotag.notes import Note, apart, name_of
from audiotag.notes.note import HIGHEST, LOWEST

STEP = 0.04
"""Seconds: onsets and lengths are rounded to it."""

WAITS = 25  # steps of the longest wait; longer ones are several tokens
LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96)
"""Steps that a note may last; the nearest is taken."""

VELOCITY = 80
"""Of every note that is decoded: how hard a key is struck is not told."""

_PITCH, _LENGTH = WAITS, WAITS + HIGHEST - LOWEST + 1
COUNT = _LENGTH + len(LENGTHS)


def labels() -> Labels:
    """The tokens by name, in their order: waits, keys, lengths."""
    waits = [f"wait {steps}" for steps in range(1, WAITS + 1)]
    return Labels((*waits, *map(name_of, range(LOWEST, HIGHEST + 1)), *(f"length {steps}" for steps in LENGTHS)))


def encode(notes: Iterable[Note]) -> np.ndarray:
    """Tokens of notes, (tokens,) int32: of each its waits, if any, its key and its length.

    Args:
        notes: in any order; those that begin in one step stand from low to high.
    """
    lengths, tokens, now = np.array(LENGTHS), [], 0
    for step, pitch, length in sorted({(round(n.onset / STEP), n.pitch, (n.offset - n.onset) / STEP) for n in notes}):
        while step > now:
            wait = min(step - now, WAITS)
            tokens.append(wait - 1)
            now += wait
        nearest = int(np.abs(np.log(lengths / max(length, 0.5))).argmin())
        tokens += [_PITCH + pitch - LOWEST, _LENGTH + nearest]
    return np.array(tokens, np.int32)


def decode(tokens: Sequence[int] | np.ndarray) -> tuple[tuple[Note, ...], float]:
    """Notes of tokens, and when the last token stands, seconds.

    A key without a length and a length without a key are no note. Notes of one pitch end where the next begins.
    """
    notes, now, pitch = [], 0, None
    for token in map(int, tokens):
        if token < _PITCH:
            now, pitch = now + token + 1, None
        elif token < _LENGTH:
            pitch = token - _PITCH + LOWEST
        elif pitch is not None:
            notes.append(Note(now * STEP, (now + LENGTHS[token - _LENGTH]) * STEP, pitch, VELOCITY))
            pitch = None
    return apart(notes)[0], now * STEP
