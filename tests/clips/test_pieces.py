"""Pieces whose notes are known, in clips: every note begins in one clip, and sounds in each that it reaches into."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audiotag.clips.declaration import Clip
from audiotag.clips.pieces import clips_of_piece
from audiotag.notes import Note

PIECE = Clip("piece", "piece.wav", (), "train", columns={"piano": "a"})
NOTES = st.builds(
    lambda onset, length, pitch: Note(onset / 100, (onset + length) / 100, pitch, 64),
    st.integers(0, 2400),
    st.integers(1, 1500),
    st.integers(21, 108),
)


def test_a_note_over_an_edge_is_held_in_the_second_clip() -> None:
    notes = [Note(0.5, 1.0, 60, 90), Note(9.5, 12.0, 61, 80), Note(10.0, 10.5, 62, 70)]
    first, second = clips_of_piece(PIECE, notes, 20.0, 10.0)
    assert (first.clip_id, first.start, first.end, first.labels) == ("piece#0.000", 0.0, 10.0, ("C4", "C#4"))
    assert [(e.onset, e.offset, e.label, e.velocity) for e in first.events] == [
        (0.5, 1.0, "C4", 90),
        (9.5, 10.0, "C#4", 80),
    ]
    assert (second.clip_id, second.labels, second.split, second.columns) == (
        *("piece#10.000", ("C#4", "D4"), "train", {"piano": "a"}),
    )
    assert [(e.onset, e.offset, e.label, e.velocity) for e in second.events] == [
        (0.0, 2.0, "C#4", 0),
        (0.0, 0.5, "D4", 70),
    ]


def test_a_long_rest_is_a_clip_and_a_short_one_is_none() -> None:
    assert [clip.end for clip in clips_of_piece(PIECE, [], 22.4, 10.0)] == [10.0, 20.0]
    assert [clip.end for clip in clips_of_piece(PIECE, [], 22.6, 10.0)] == [10.0, 20.0, 22.6]
    assert [clip.end for clip in clips_of_piece(PIECE, [], 0.5, 10.0)] == [0.5]


@given(st.lists(NOTES, max_size=10))
def test_every_note_begins_once_and_lasts_as_long_as_before(notes: list[Note]) -> None:
    clips = list(clips_of_piece(PIECE, notes, 40.0, 8.0))
    parts = [(clip, event) for clip in clips for event in clip.events]
    begun = sorted((round(clip.start + event.onset, 3), event.label) for clip, event in parts if event.velocity)
    assert begun == sorted((round(note.onset, 3), note.name) for note in notes)
    sounding = sum(event.offset - event.onset for _, event in parts)
    assert abs(sounding - sum(note.offset - note.onset for note in notes)) < 1e-3
    assert all(set(clip.labels) == {event.label for event in clip.events} for clip in clips)
