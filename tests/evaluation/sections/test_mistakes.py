"""The worst mistakes, against a slow search: furthest from the threshold, no class or recording fills the list."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from audiotag.evaluation.sections.mistakes import worst
from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions


@pytest.fixture
def make():
    def predictions(clips=60, classes=5, task="multilabel", known=None, recordings=None, seed=0) -> Predictions:
        random = np.random.default_rng(seed)
        scores = random.random((clips, classes))
        if task == "multiclass":
            scores /= scores.sum(axis=1, keepdims=True)
            targets = np.eye(classes, dtype=np.uint8)[random.integers(classes, size=clips)]
        else:
            targets = (random.random((clips, classes)) < 0.4).astype(np.uint8)
        if known is not None:
            targets = targets * known
        names = Labels(tuple(f"class {index}" for index in range(classes)))
        ids = np.array([f"clip {index}" for index in range(clips)])
        return Predictions(ids, targets, scores, names, task, known, recordings)

    return predictions


def search(found: Predictions, limits: np.ndarray) -> dict[tuple[str, int], tuple[str, float]]:
    """Every multilabel mistake by clip and class: its kind, and how far it is from its threshold."""
    every = {}
    for row, clip_id in enumerate(found.clip_ids.tolist()):
        for index, limit in enumerate(limits):
            score, held = found.scores[row, index], bool(found.targets[row, index])
            if held != (score >= limit) and (found.known is None or found.known[row, index]):
                every[clip_id, index] = ("miss" if held else "false alarm", abs(score - limit))
    return every


def test_the_first_of_each_kind_is_the_worst_of_all(make) -> None:
    limits = np.array([0.5, 0.2, 0.9, 0.4, 0.6])
    found = replace(make(), thresholds=limits)
    every, listed = search(found, limits), worst(found, 12)
    for kind in ("false alarm", "miss"):
        margins = [margin for one, margin in every.values() if one == kind]
        assert max(one.margin for one in listed if one.kind == kind) == pytest.approx(max(margins))
    for one in listed:
        assert every[one.clip_id, one.index] == (one.kind, pytest.approx(one.margin))
        row = int(one.clip_id.split()[1])
        assert (one.score, one.threshold, one.label) == (
            found.scores[row, one.index],
            limits[one.index],
            f"class {one.index}",
        )
        assert one.truth == tuple(f"class {index}" for index in np.flatnonzero(found.targets[row]))
        assert [score for _, score in one.heard] == sorted(found.scores[row].tolist(), reverse=True)
    margins = [one.margin for one in listed]
    assert margins == sorted(margins, reverse=True)


def test_no_class_and_no_recording_fills_the_list(make) -> None:
    recordings = np.array([f"tape {index % 7}" for index in range(60)])
    found = make(recordings=recordings)
    listed = worst(found, 12)
    assert max(Counter(one.index for one in listed).values()) == 2
    tapes = [recordings[int(one.clip_id.split()[1])] for one in listed]
    assert len(set(tapes)) == len(tapes) <= 7
    assert len({one.clip_id for one in worst(make(), 12)}) == 10  # two of each of five classes


def test_the_kinds_share_the_list_and_one_takes_what_the_other_leaves(make) -> None:
    found = make(classes=20)
    assert Counter(one.kind for one in worst(found, 8)) == {"false alarm": 4, "miss": 4}
    assert Counter(one.kind for one in worst(replace(found, thresholds=np.ones(20)), 8)) == {"miss": 8}
    assert worst(found, 0) == []


def test_a_pair_that_nobody_judged_is_no_mistake(make) -> None:
    known = np.random.default_rng(4).random((60, 5)) < 0.3
    found = make(known=known)
    every = search(found, np.full(5, 0.5))
    assert all((one.clip_id, one.index) in every for one in worst(found, 12))


def test_a_multiclass_mistake_is_measured_against_the_true_class(make) -> None:
    found = make(task="multiclass", classes=8)
    wrong = {}
    for row, (scores, targets) in enumerate(zip(found.scores, found.targets, strict=True)):
        if scores.argmax() != targets.argmax():
            wrong[f"clip {row}"] = (int(scores.argmax()), scores.max(), scores[targets.argmax()])
    listed = worst(found, 10)
    assert len(listed) == len({one.clip_id for one in listed}) == 10
    for one in listed:
        assert (one.index, one.score, one.threshold) == wrong[one.clip_id] and one.kind == "false alarm"
    assert listed[0].margin == pytest.approx(max(high - low for _, high, low in wrong.values()))


def test_a_perfect_model_makes_none(make) -> None:
    found = make()
    right = Predictions(found.clip_ids, found.targets, found.targets.astype(float), found.labels, "multilabel")
    assert worst(right, 12) == []


def test_a_mistake_is_shown_with_its_score_and_the_truth(make) -> None:
    first = worst(make(), 12)[0]
    shown = first.exhibit("threshold")
    assert (
        shown.text
        == f"Scored {first.score:.3f}, threshold 0.500. Truth: {', '.join(first.truth) or 'none of the classes'}."
    )
    assert (shown.clip_id, shown.kind, shown.label) == (first.clip_id, first.kind, first.label)
    assert shown.scores == first.heard
