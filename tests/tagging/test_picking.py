"""Parts worth labelling: what a model doubts, one of every kind, what is like an example; spread over recordings."""

from __future__ import annotations

import itertools
import math
import shutil

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.errors import AudiotagError
from audiotag.tagging.picking import Part, Pick, chosen, diverse, doubtful, similar
from tests.benchmarks.picking import accuracies


def table(*rows: tuple[str, float, float, str, float]) -> pandas.DataFrame:
    return pandas.DataFrame(rows, columns=["file", "start", "end", "label", "score"])


def test_the_nearer_a_score_is_to_a_half_the_more_it_is_doubted():
    found = table(
        *(("a.wav", 0, 5, "Dog", 0.02), ("a.wav", 0, 5, "Cat", 0.45), ("a.wav", 5, 10, "Dog", 0.97)),
        *(("b.wav", 0, 5, "Dog", 0.6), ("b.wav", 0, 5, "Cat", 1.0), ("c.wav", 0, 5, "Cat", 0.0)),
    )
    picks = doubtful(found)
    assert [pick.part for pick in picks] == [
        *(Part("a.wav", 0, 5), Part("b.wav", 0, 5), Part("a.wav", 5, 10), Part("c.wav", 0, 5)),
    ]
    assert [pick.reason for pick in picks] == ["Cat 0.45", "Dog 0.60", "Dog 0.97", "Cat 0.00"]
    assert picks[0].score == pytest.approx(-(0.45 * math.log2(0.45) + 0.55 * math.log2(0.55)))
    assert picks[-1].score == pytest.approx(0, abs=1e-9)
    dogs = [pick.reason for pick in doubtful(found, ["Dog"])]
    assert dogs == ["Dog 0.60", "Dog 0.97", "Dog 0.02"]
    with pytest.raises(AudiotagError, match="no result names the label 'dog': did you mean 'Dog'"):
        doubtful(found, ["dog"])


@pytest.fixture
def blobs() -> tuple[list[Part], np.ndarray, np.ndarray]:
    """Parts of five kinds, 4 to 20 of each, and the kind of each."""
    random = np.random.default_rng(5)
    kinds = np.repeat(np.arange(5), [4, 8, 12, 16, 20])
    vectors = 10 * random.normal(size=(5, 30))[kinds] + random.normal(size=(60, 30))
    return [Part(f"{row}.wav", 0.0, 5.0) for row in range(60)], vectors.astype(np.float32), kinds


def test_one_part_of_every_kind_the_most_frequent_first(blobs):
    parts, vectors, kinds = blobs
    picks = diverse(parts, vectors, 5, {})
    assert [int(kinds[parts.index(pick.part)]) for pick in picks] == [4, 3, 2, 1, 0]
    assert [pick.score for pick in picks] == [20, 16, 12, 8, 4]
    assert picks == diverse(parts, vectors, 5, {})
    known = {parts[row].path: [(1.0, 2.0)] for row in (np.flatnonzero(kinds == 4)[0], np.flatnonzero(kinds == 2)[3])}
    others = diverse(parts, vectors, 3, known)
    assert {int(kinds[parts.index(pick.part)]) for pick in others} == {3, 1, 0}
    assert len(diverse(parts, np.zeros_like(vectors), 5, {})) == 1  # all the same


def test_what_is_like_an_example_is_nearest_by_the_angle(blobs):
    parts, vectors, kinds = blobs
    examples = vectors[[0, 59]] + 0.1
    picks = similar(parts, vectors, ["few.wav", "many.wav"], examples)
    every = np.concatenate([vectors, examples]).astype(float)
    every = (every - every.mean(0)) / every.std(0)
    cosines = [
        max(row @ each / np.linalg.norm(row) / np.linalg.norm(each) for each in every[60:]) for row in every[:60]
    ]
    assert [pick.score for pick in picks] == pytest.approx(sorted(cosines, reverse=True), abs=1e-5)
    assert {int(kinds[parts.index(pick.part)]) for pick in picks[:24]} == {0, 4}
    assert {pick.reason for pick in picks if kinds[parts.index(pick.part)] == 0} == {"like few.wav"}


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 12), st.integers(1, 4), st.floats(0, 1)), max_size=25),
    st.integers(1, 30),
)
def test_recordings_have_their_turns_and_no_two_parts_overlap(rows, most):
    picks = [Pick(Part(path, start, start + length), score, "") for path, start, length, score in rows]
    picks.sort(key=lambda pick: -pick.score)
    known = {"a": [(0, 3)]}
    result = chosen(picks, most, known)
    assert len(result) <= most
    assert all(pick.part.path != "a" or pick.part.start >= 3 for pick in result)
    for one, other in itertools.combinations([pick.part for pick in result], 2):
        assert one.path != other.path or one.end <= other.start or other.end <= one.start
    straight = chosen(picks, 100, known, spread=False)
    assert [pick.score for pick in straight] == sorted((pick.score for pick in straight), reverse=True)
    if len(picks) == len(straight) and most >= len(picks):  # nothing overlaps: only the turns decide
        assert sorted(map(id, result)) == sorted(map(id, picks))
        paths = [pick.part.path for pick in result]
        for place in range(1, len(paths)):
            assert paths[place] != paths[place - 1] or set(paths[place:]) == {paths[place]}


@pytest.mark.slow
def test_picked_labels_are_worth_more_than_as_many_at_random(shared, tmp_path, monkeypatch):
    shutil.copy(shared("weights/mn04_as_mAP_432.pt"), tmp_path)
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    found = accuracies(shared("data/esc10"))
    assert found["40 by diversity"].mean() > found["40 at random"].mean() + 0.02
    assert found["40 by diversity, 20 by uncertainty"].mean() > found["40 by diversity"].mean()
