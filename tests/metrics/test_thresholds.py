"""Thresholds against every threshold there is, tried one after the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.thresholds import Aim, choose


def predictions(targets, scores, known=None, task: str = "multilabel") -> Predictions:
    targets, scores = np.asarray(targets, np.uint8), np.asarray(scores, np.float64)
    labels = Labels(tuple(f"class {index}" for index in range(targets.shape[1])))
    return Predictions(np.array([f"clip {row}" for row in range(len(targets))]), targets, scores, labels, task, known)


def candidates(scores: np.ndarray) -> list[float]:
    """A threshold below every distinct score above 0, midway to the next lower one."""
    distinct = sorted({0.0, *scores.tolist()})
    return [(below + above) / 2 for below, above in pairwise(distinct)]


@st.composite
def judged(draw) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores of some clips, often tied, sometimes 0 or 1."""
    clips = draw(st.integers(1, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.random((clips, 3)) < draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    steps = draw(st.sampled_from([1, 4, 1000]))
    return truth, np.round(rng.random((clips, 3)) * steps) / steps


@settings(max_examples=40, deadline=None)
@given(judged(), st.sampled_from([0.5, 1.0, 2.0]))
def test_f_beta_is_the_best_of_all_thresholds(made, beta):
    truth, scores = made
    found = choose(predictions(truth, scores), f"f{beta:g}")
    for index in range(3):
        there, said = truth[:, index], scores[:, index]
        tried = {least: fbeta_score(there, said >= least, beta=beta, zero_division=0) for least in candidates(said)}
        best = max(tried.values(), default=0.0)
        if best == 0:
            assert index in found.undecided
            assert found.values[index] == 0.5
            assert np.isnan(found.reached[index])
            continue
        assert found.reached[index] == pytest.approx(best, abs=1e-12)
        assert found.values[index] == pytest.approx(
            max(least for least, value in tried.items() if value > best - 1e-12), abs=1e-12
        )


@settings(max_examples=40, deadline=None)
@given(judged(), st.sampled_from([0.3, 0.5, 0.75, 1.0]))
def test_precision_is_reached_with_the_most_recall(made, least_precision):
    truth, scores = made
    found = choose(predictions(truth, scores), f"precision={least_precision:g}")
    for index in range(3):
        there, said = truth[:, index], scores[:, index]
        good = []
        for least in candidates(said):
            hits = said >= least
            if there[hits].any() and there[hits].mean() >= least_precision - 1e-12:
                good.append(least)
        if not good:
            assert index in found.unreached
            assert found.values[index] == 1.0
            continue
        assert found.values[index] == pytest.approx(min(good), abs=1e-12)
        assert found.precision[index] == found.reached[index] >= least_precision
        hits = said >= found.values[index]
        assert found.recall[index] == pytest.approx(there[hits].sum() / there.sum())


@settings(max_examples=40, deadline=None)
@given(judged(), judged(), st.sampled_from([0.0, 1.0, 5.0, 100.0]))
def test_false_alarms_stay_below_the_rate_with_the_most_recall(made, noise, rate):
    truth, scores = made
    _, heard = noise
    found = choose(predictions(truth, scores), f"false-alarms={rate:g}", heard, 0.5)
    for index in range(3):
        every = np.concatenate([scores[:, index], heard[:, index], [1.0]])
        good = [least for least in candidates(every) if (heard[:, index] >= least).sum() <= rate * 0.5]
        if not good:
            assert index in found.unreached
            assert found.values[index] == 1.0
            continue
        assert found.values[index] == pytest.approx(min(good), abs=1e-12)
        assert found.reached[index] == (heard[:, index] >= found.values[index]).sum() / 0.5 <= rate


def test_a_threshold_lies_midway_so_that_small_differences_turn_no_decision():
    truth, scores = [[1], [1], [0], [0]], [[0.9], [0.7], [0.3], [0.1]]
    for aim in ("f1", "precision=1"):
        assert choose(predictions(truth, scores), aim).values.tolist() == [0.5]
    quiet = choose(predictions(truth, scores), "false-alarms=0", np.array([[0.1], [0.2]]), 1.0)
    assert quiet.values.tolist() == [0.25]


def test_neighbours_without_a_number_between_are_still_told_apart():
    upper = np.nextafter(0.5, 1)
    found = choose(predictions([[1], [0]], [[upper], [0.5]]), "f1")
    assert found.values.tolist() == [upper]


def test_pairs_that_nobody_judged_count_nowhere():
    rng = np.random.default_rng(5)
    truth, scores, known = rng.random((60, 2)) < 0.4, rng.random((60, 2)), rng.random((60, 2)) < 0.6
    truth &= known
    masked = choose(predictions(truth, scores, known), "f1")
    for index in range(2):
        rows = known[:, index]
        alone = choose(predictions(truth[rows][:, [index]], scores[rows][:, [index]]), "f1")
        assert masked.values[index] == alone.values[0]
        assert (masked.precision[index], masked.recall[index]) == (alone.precision[0], alone.recall[0])
    assert masked.values.tolist() != choose(predictions(truth, scores), "f1").values.tolist()


def test_classes_that_cannot_be_decided_are_told_apart_from_those_that_fail():
    truth, scores = [[0, 0, 1], [0, 1, 0]], [[0.2, 0.8, 0.4], [0.4, 0.3, 0.6]]
    best = choose(predictions(truth, scores), "f1")
    assert (best.undecided, best.unreached, best.values[0]) == ((0,), (), 0.5)
    precise = choose(predictions(truth, scores), "precision=0.9")
    assert (precise.undecided, precise.unreached) == ((), (0, 1, 2))
    assert precise.values.tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(precise.precision).all()
    assert np.isnan(precise.recall[0])


def test_multiclass_is_judged_one_class_against_the_rest():
    truth = np.eye(3)[[0, 0, 1, 1, 2, 2]]
    scores = np.array([[8, 1, 1], [4, 3, 3], [5, 4, 1], [1, 7, 2], [2, 2, 6], [3, 4, 3]]) / 10
    one, other = (choose(predictions(truth, scores, task=task), "f1") for task in ("multiclass", "multilabel"))
    assert one.values.tolist() == other.values.tolist()


@pytest.mark.parametrize(
    ("text", "kind", "value", "shown"),
    [
        ("f1", "f", 1.0, "best F1"),
        ("F0.5", "f", 0.5, "best F0.5"),
        ("f2", "f", 2.0, "best F2"),
        ("precision=0.9", "precision", 0.9, "precision of at least 0.9"),
        (" precision=.5 ", "precision", 0.5, "precision of at least 0.5"),
        ("false-alarms=1", "false-alarms", 1.0, "at most 1 false alarms an hour of noise"),
        ("false-alarms=0", "false-alarms", 0.0, "at most 0 false alarms an hour of noise"),
    ],
)
def test_aims_are_read_and_said(text, kind, value, shown):
    aim = Aim.parse(text)
    assert (aim.kind, aim.value, str(aim)) == (kind, value, shown)


@pytest.mark.parametrize(
    "text", ["", "f", "f0", "f1=2", "precision", "precision=0", "precision=1.1", "recall=0.9", "f-1"]
)
def test_other_aims_are_refused_in_one_line(text):
    with pytest.raises(AudiotagError, match="received") as caught:
        Aim.parse(text)
    assert "\n" not in str(caught.value)


def test_false_alarms_need_noise():
    with pytest.raises(AudiotagError, match="received none: give noise_scores"):
        choose(predictions([[1]], [[0.5]]), "false-alarms=1")
