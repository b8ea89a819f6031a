"""Notes: names of pitches, ranges, and notes of one pitch kept apart."""

from __future__ import annotations

import librosa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import notes
from audiotag.errors import AudiotagError
from audiotag.notes import Note

ANY = st.builds(
    lambda onset, length, pitch, velocity: Note(onset, onset + length, pitch, velocity),
    st.integers(0, 40).map(float),
    st.integers(1, 20).map(float),
    st.sampled_from([60, 61]),
    st.integers(1, 127),
)


def test_the_pitches_are_those_of_a_piano_by_librosa_s_names() -> None:
    names = notes.labels().names
    assert len(names) == notes.PITCHES == 88
    assert (names[0], names[-1], names[60 - notes.LOWEST]) == ("A0", "C8", "C4")
    assert [librosa.note_to_midi(name) for name in names] == list(range(21, 109))
    assert [notes.pitch_of(name) for name in names] == list(range(21, 109))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1.0, 1.0, 60, 64), "received 1.0 to 1.0 s"),
        ((-0.1, 1.0, 60, 64), "begins at 0 s or later"),
        ((0.0, float("inf"), 60, 64), "received 0.0 to inf s"),
        ((0.0, float("nan"), 60, 64), "received 0.0 to nan s"),
        ((0.0, 1.0, 20, 64), r"21 \(A0\) to 108 \(C8\), received 20"),
        ((0.0, 1.0, 109, 64), "received 109"),
        ((0.0, 1.0, 60, 0), "1 to 127, received 0"),
        ((0.0, 1.0, 60, 128), "received 128"),
    ],
)
def test_what_is_no_note_is_refused(values: tuple[float, float, int, int], message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        Note(*values)


def test_an_unknown_pitch_is_refused_with_the_nearest() -> None:
    with pytest.raises(AudiotagError, match="no key of a piano is named 'C9': choose one"):
        notes.pitch_of("C9")


@given(st.lists(ANY, max_size=12))
def test_notes_of_one_pitch_do_not_overlap_afterwards(given_notes: list[Note]) -> None:
    kept, changed = notes.apart(given_notes)
    assert list(kept) == sorted(kept)
    begun = {(note.onset, note.pitch) for note in given_notes}
    assert {(note.onset, note.pitch) for note in kept} == begun
    for note in kept:
        same = [other for other in given_notes if other.pitch == note.pitch]
        together = [other for other in same if other.onset == note.onset]
        following = min((other.onset for other in same if other.onset > note.onset), default=float("inf"))
        assert note.offset == min(max(other.offset for other in together), following)
        assert note.velocity == max(other.velocity for other in together)
    if changed == 0:
        assert sorted(given_notes) == list(kept)
