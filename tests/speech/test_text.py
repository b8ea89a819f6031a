"""Texts normalised, as characters, and as words with times."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.speech import Spelling, labels, normalised, words_of
from audiotag.speech.text import SPACE, names_of, outside, spelled, steps_needed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Don’t!”  -- CAFE\u0301", "don't caf\u00e9"),
        ("the boys' 'tis\n\tend.", "the boys tis end"),
        ("well-known; 3 €", "well known 3 €"),
        (" ?! ", ""),
        ("ĲSSEL İ", "ĳssel i\u0307"),
    ],
)
def test_a_text_is_normalised(text: str, expected: str) -> None:
    assert normalised(text) == expected


@given(st.text())
def test_normalised_twice_is_normalised_once(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "  " not in once and once == once.strip()


@given(st.text("abc é'", max_size=12).map(normalised))
def test_a_text_is_its_characters(text: str) -> None:
    known = labels("abcé'")
    names = names_of(text)
    assert outside(text, known) == ""
    assert spelled(map(known.index, names), known) == text
    assert steps_needed(names) == len(text) + sum(text[place] == text[place + 1] for place in range(len(text) - 1))


def test_letters_are_those_of_normalised_texts() -> None:
    assert labels().names[:3] == (SPACE, "a", "b") and len(labels()) == 28
    assert outside("naïve œuvre", labels()) == "ïœ"
    for wrong in ("aB", "a.", "a ", "e\u0301"):
        with pytest.raises(AudiotagError, match="letters are those of normalised texts"):
            labels(wrong)
    with pytest.raises(AudiotagError, match="unique"):
        labels("aa")


def test_words_have_the_times_of_their_letters() -> None:
    known = Labels((SPACE, "a", "b"))
    spelling = Spelling((0, 1, 2, 0, 0, 2), (1, 5, 7, 9, 11, 20), (1.0, 0.5, 0.125, 1.0, 1.0, 0.9))
    first, second = words_of(spelling, known, 0.04, 0.02)
    assert (first.text, second.text) == ("ab", "b")
    assert (first.start, first.end, first.score) == pytest.approx((0.20, 0.32, 0.25))
    assert (second.start, second.end, second.score) == pytest.approx((0.80, 0.84, 0.9))
    assert words_of(Spelling((), (), ()), known, 0.04, 0.02) == ()
