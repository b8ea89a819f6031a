"""Decoders against all ways to tell a text, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.speech import WordList, beam_search, greedy
from audiotag.speech.text import SPACE

LABELS = Labels((SPACE, "a", "b"))
A_SPACE, A, B = range(3)


def random_logarithms(seed: int, steps: int, classes: int = 3) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(scale=1.5, size=(steps, 1 + classes))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    """Repeated columns as one, without blanks, as classes."""
    return tuple(column - 1 for column, _ in itertools.groupby(path) if column)


def probabilities(logarithms: np.ndarray) -> dict[tuple[int, ...], float]:
    """Of every text, the sum over every path that tells it."""
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(logarithms.shape[1]), repeat=len(logarithms)):
        likelihood = float(np.exp(sum(logarithms[step, column] for step, column in enumerate(path))))
        sums[collapsed(path)] = sums.get(collapsed(path), 0.0) + likelihood
    return sums


@pytest.mark.parametrize("seed", range(6))
def test_the_likeliest_text_is_found_among_all(seed: int) -> None:
    logarithms = random_logarithms(seed, 6)
    sums = probabilities(logarithms)
    assert sum(sums.values()) == pytest.approx(1.0)
    found = beam_search(logarithms, width=2000)
    assert found.characters == max(sums, key=sums.get)
    assert list(found.steps) == sorted(found.steps) and len(found.steps) == len(found.characters)


@pytest.mark.parametrize("seed", range(6))
def test_only_words_of_the_list_are_spelled(seed: int) -> None:
    words = [(A, B), (B, B), (A,)]
    texts = {tuple(itertools.chain(*own[:1], *((A_SPACE, *word) for word in own[1:])))
             for count in range(5) for own in itertools.product(words, repeat=count)}  # fmt: skip
    logarithms = random_logarithms(10 + seed, 6)
    sums = {text: sum_ for text, sum_ in probabilities(logarithms).items() if text in texts}
    found = beam_search(logarithms, width=2000, words=WordList(["ab", "BB", "a"], LABELS))
    assert found.characters == max(sums, key=sums.get)


@pytest.mark.parametrize("width", [1, 2, 8])
def test_a_narrow_beam_still_ends_with_whole_words(width: int) -> None:
    listed = WordList(["abba", "b"], LABELS)
    for seed in range(20):
        found = beam_search(random_logarithms(seed, 7), width, listed).characters
        told = "".join(" ab"[index] for index in found)
        assert set(told.split()) <= {"abba", "b"} and told == told.strip()


@pytest.mark.parametrize("seed", range(5))
def test_greedy_tells_the_likeliest_path(seed: int) -> None:
    logarithms = random_logarithms(20 + seed, 9)
    found = greedy(logarithms)
    assert found.characters == collapsed(tuple(np.argmax(logarithms, axis=1).tolist()))
    for character, step, score in zip(found.characters, found.steps, found.scores, strict=True):
        assert np.argmax(logarithms[step]) == character + 1
        assert score == pytest.approx(np.exp(logarithms[step, character + 1]))
    assert list(found.steps) == sorted(found.steps)


def test_a_blank_parts_two_that_are_the_same() -> None:
    sure = np.log(np.eye(4)[[2, 2, 0, 2, 3, 3]] * (1 - 4e-9) + 1e-9)
    for found in (greedy(sure), beam_search(sure)):
        assert (found.characters, found.steps) == ((A, A, B), (0, 3, 4))
    assert greedy(sure[:0]).characters == beam_search(sure[:0]).characters == ()


def test_the_texts_of_a_long_recording_do_not_run_together() -> None:
    """Beginnings that lead nowhere are let go many times on the way."""
    random = np.random.default_rng(0)
    columns = random.integers(0, 4, 6000)
    logarithms = np.log(np.eye(4)[columns] * 0.9 + 0.025)
    assert beam_search(logarithms, 8).characters == greedy(logarithms).characters


def test_what_cannot_be_a_list_or_a_beam_is_refused(tmp_path) -> None:
    (tmp_path / "words.txt").write_text("ab\n\nBA\n")
    listed = WordList.read(tmp_path / "words.txt", LABELS)
    assert listed.after(listed.after(0, B), A) is not None and listed.after(0, A_SPACE) is None
    (tmp_path / "empty.txt").write_text("\n")
    for words, message in ((["ab c"], "single words"), (["ac"], "'ac' has 'c' too"), (["!"], "single words")):
        with pytest.raises(AudiotagError, match=message):
            WordList(words, LABELS)
    with pytest.raises(AudiotagError, match=r"empty\.txt: a list of words holds at least one"):
        WordList.read(tmp_path / "empty.txt", LABELS)
    with pytest.raises(AudiotagError, match="cannot be read"):
        WordList.read(tmp_path / "none.txt", LABELS)
    with pytest.raises(AudiotagError, match="at least 1 beginning"):
        beam_search(random_logarithms(0, 2), 0)
