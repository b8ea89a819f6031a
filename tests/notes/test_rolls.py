"""Rolls: what is drawn is decoded again, and the decoder equals a slow one that looks at one step after another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.notes import LOWEST, Grid, Note, decode, draw
from audiotag.notes.rolls import FRAME, HELD, OFFSET, ONSET, VELOCITY, rows_of

GRID = Grid(count=100, distance=0.02)
SHORTEST, APART = 50, 30  # milliseconds: a gap of more than a step, for an end and a beginning to be two


@st.composite
def melodies(draw_from: st.DrawFn) -> list[Note]:
    """Notes within two seconds; those of one pitch at least 30 ms apart."""
    found = []
    for pitch in draw_from(st.lists(st.integers(21, 108), max_size=3, unique=True)):
        now = 0
        for _ in range(draw_from(st.integers(0, 5))):
            onset = now + draw_from(st.integers(0, 300))
            now = onset + draw_from(st.integers(SHORTEST, 500))
            if now > 1950:
                break
            found.append(Note(onset / 1000, now / 1000, pitch, draw_from(st.integers(1, 127))))
            now += APART
    return sorted(found)


@given(melodies())
def test_drawn_notes_are_decoded_within_a_step(notes: list[Note]) -> None:
    decoded = decode(draw(rows_of(notes), GRID), GRID)
    by_pitch = [sorted(some, key=lambda note: (note.pitch, note.onset)) for some in (notes, decoded)]
    for note, found in zip(*by_pitch, strict=True):
        assert (found.pitch, found.velocity) == (note.pitch, note.velocity)
        assert abs(found.onset - note.onset) <= 0.01 + 2.1e-5
        assert abs(found.offset - note.offset) <= 0.01 + 2.1e-5


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.8]), st.sampled_from([0.2, 0.5]))
def test_the_decoder_equals_a_slow_one(seed: int, onset_threshold: float, frame_threshold: float) -> None:
    random = np.random.default_rng(seed)
    roll = random.integers(0, 11, (25, 88, 4)) / 10  # with many equal neighbours
    grid = Grid(25, 0.02, first=0.01)
    options = {"onset_threshold": onset_threshold, "frame_threshold": frame_threshold, "shortest": 0.05}
    assert decode(roll, grid, **options) == slow(roll, grid, **options)


def slow(roll: np.ndarray, grid: Grid, onset_threshold: float, frame_threshold: float, shortest: float) -> list[Note]:
    def begins(step: int, pitch: int) -> bool:
        value = roll[step, pitch, ONSET]
        rises = step == 0 or value > roll[step - 1, pitch, ONSET]
        stays = step == len(roll) - 1 or value >= roll[step + 1, pitch, ONSET]
        return bool(value >= onset_threshold and rises and stays)

    notes = []
    for step in range(len(roll)):
        for pitch in range(88):
            if not begins(step, pitch):
                continue
            end = step + 1
            while end < len(roll) and roll[end, pitch, FRAME] >= frame_threshold and not begins(end, pitch):
                end += 1
            onset = grid.first + step * grid.distance
            offset = grid.first + end * grid.distance
            if offset - onset > shortest - 0.01 - 1e-6:
                velocity = min(max(round(float(roll[step, pitch, VELOCITY]) * 127), 1), 127)
                notes.append(Note(onset, offset, LOWEST + pitch, velocity))
    return sorted(notes)


def test_what_is_drawn_where() -> None:
    """Steps are centred on 0, 20, 40 … ms."""
    roll = draw(rows_of([Note(0.0299, 0.101, 21, 127)]), GRID)[:, 0]
    assert np.flatnonzero(roll[:, ONSET]).tolist() == [1]
    assert np.flatnonzero(roll[:, FRAME]).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(roll[:, OFFSET]).tolist() == [5]
    assert roll[1, VELOCITY] == 1.0
    assert draw([], GRID).shape == (100, 88, 4)


def test_a_note_that_had_begun_before_has_no_onset() -> None:
    roll = draw([(0.0, 0.055, 3, HELD)], GRID)[:, 3]
    assert np.flatnonzero(roll[:, FRAME]).tolist() == [0, 1, 2]
    assert not roll[:, [ONSET, VELOCITY]].any()
    assert decode(draw([(0.0, 0.5, 3, HELD)], GRID), GRID) == []


def test_a_note_that_is_cut_by_the_end_of_the_clip_has_no_offset() -> None:
    roll = draw([(1.0, 1.99, 3, 64), (5.0, 6.0, 4, 64)], Grid(100, 0.02))
    assert not roll[:, 3, OFFSET].any()
    assert not roll[:, 4].any()
    assert roll[99, 3, FRAME] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"onset_threshold": 1.1}, "onset_threshold lies in 0 to 1, received 1.1"),
        ({"frame_threshold": float("nan")}, "frame_threshold lies in 0 to 1, received nan"),
        ({"shortest": -1.0}, "the shortest note is 0 s or more, received -1.0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        decode(np.zeros((1, 88, 4)), GRID, **options)


def test_nothing_holds_no_note() -> None:
    assert decode(np.zeros((0, 88, 4)), Grid(0, 0.02)) == []
