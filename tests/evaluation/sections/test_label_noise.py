"""Disputed labels: wrong ones that are planted are found, and a slow loop finds the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections.label_noise import disputes, measure
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions

NAMES = ("dog", "rain", "sea", "wind", "bell")


def predict(truth: np.ndarray, scores: np.ndarray, task: str, known: np.ndarray | None = None) -> Predictions:
    ids = np.array([f"clip {row}" for row in range(len(truth))])
    return Predictions(ids, truth.astype(np.uint8), scores, Labels(NAMES), task, known)


def evaluated(predictions: Predictions) -> Evaluation:
    table = per_class.per_class(predictions)
    return Evaluation((), predictions, None, None, table, per_class.summary(predictions, table), "none")


def made(task: str, seed: int, clips: int = 80) -> Predictions:
    """Scores that know a little of the truth; a third of multilabel pairs was judged by nobody."""
    random = np.random.default_rng(seed)
    if task == "multiclass":
        truth = np.eye(5, dtype=bool)[random.integers(4, size=clips)]  # the last class has no clip
        scores = np.exp(random.normal(size=(clips, 5)) + truth)
        return predict(truth, scores / scores.sum(axis=1, keepdims=True), task)
    known = random.random((clips, 5)) < 0.7
    truth = (random.random((clips, 5)) < (0.3, 0.3, 0.3, 0.3, 0.0)) & known
    return predict(truth, (0.8 * random.random((clips, 5)) + 0.2 * truth), task, known)


def by_hand(predictions: Predictions) -> list[tuple[str, str, str, str | None, float]]:
    """Clip, class, labelled, suggested and margin of every disputed label, pair by pair."""
    truth, scores, known = predictions.targets, predictions.scores, predictions.judged
    rows, classes = range(len(truth)), range(len(NAMES))
    found = []
    having = [[scores[row, index] for row in rows if truth[row, index]] for index in classes]
    lacking = [[scores[row, i] for row in rows if known[row, i] and not truth[row, i]] for i in classes]
    for row in rows:
        for index in classes:
            clip, score = str(predictions.clip_ids[row]), scores[row, index]
            if predictions.task == "multiclass":
                others = [i for i in classes if i != index and having[i] and scores[row, i] >= np.mean(having[i])]
                if truth[row, index] and score < np.mean(having[index]) and others:
                    best = max(others, key=lambda other: scores[row, other])
                    found.append((clip, NAMES[index], "yes", NAMES[best], scores[row, best] - score))
            elif known[row, index] and having[index] and np.mean(having[index]) > np.mean(lacking[index]):
                if truth[row, index] and score < np.mean(lacking[index]):
                    found.append((clip, NAMES[index], "yes", None, np.mean(lacking[index]) - score))
                if not truth[row, index] and score > np.mean(having[index]):
                    found.append((clip, NAMES[index], "no", None, score - np.mean(having[index])))
    return sorted(found, key=lambda dispute: -dispute[-1])


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("seed", range(4))
def test_disputes_are_those_of_a_slow_loop(task, seed) -> None:
    predictions = made(task, seed)
    table, expected = disputes(predictions), by_hand(predictions)
    assert len(expected) > 5
    columns = [table[name].tolist() for name in ("clip_id", "class", "labelled", "suggested")]
    assert list(zip(*columns, strict=True)) == [dispute[:4] for dispute in expected]
    assert table["margin"].tolist() == pytest.approx([dispute[4] for dispute in expected])
    for row in table.to_dict("records"):
        assert row["score"] == predictions.scores[row["row"], NAMES.index(row["class"])]
        assert row["clip_id"] == predictions.clip_ids[row["row"]]


def test_wrong_labels_that_were_planted_are_found_and_nothing_else() -> None:
    random = np.random.default_rng(3)
    right = np.eye(5, dtype=bool)[np.arange(200) % 5]
    scores = np.where(right, 8.0, 0.0) + random.random((200, 5))
    scores /= scores.sum(axis=1, keepdims=True)
    stored = right.copy()
    planted = {7: "rain", 50: "bell", 121: "dog"}
    for row, name in planted.items():
        stored[row] = np.eye(5, dtype=bool)[NAMES.index(name)]
    table = disputes(predict(stored, scores, "multiclass"))
    assert dict(zip(table["row"], table["class"], strict=True)) == planted
    assert {row: NAMES.index(name) for row, name in zip(table["row"], table["suggested"], strict=True)} == {
        row: int(right[row].argmax()) for row in planted
    }
    flipped = right.copy()
    pairs = {(3, 3): "yes", (11, 4): "no", (90, 2): "no"}
    for (row, index), labelled in pairs.items():
        flipped[row, index] = labelled == "yes"
    high = np.where(right, 0.9, 0.1)
    high[3, 3], high[11, 4], high[90, 2] = 0.0, 1.0, 0.97
    table = disputes(predict(flipped, high, "multilabel"))
    found = zip(table["row"], table["class"].map(NAMES.index), strict=True)
    assert dict(zip(found, table["labelled"], strict=True)) == pairs


def test_the_section_plays_each_clip_once_and_writes_every_dispute() -> None:
    predictions = made("multilabel", 0, clips=300)
    section, table = measure(evaluated(predictions)), disputes(predictions)
    played = [exhibit.clip_id for exhibit in section.exhibits]
    assert len(played) == len(set(played)) == 12 and played[0] == table["clip_id"][0]
    first = table.iloc[0]
    exhibit = section.exhibits[0]
    assert exhibit.label == first["class"] and exhibit.text.startswith(f"Scored {first['score']:.3f}")
    assert (exhibit.kind == "doubtful label") == (first["labelled"] == "yes")
    assert len(section.values["label_noise"]) == len(table) and len(section.tables[0].rows) == 40
    assert f"those of {table['row'].nunique()} of 300 clips, most often " in section.conclusions[0]


def test_a_model_that_agrees_disputes_nothing() -> None:
    truth = np.eye(5, dtype=bool)[np.arange(20) % 5]
    for task in ("multiclass", "multilabel"):
        section = measure(evaluated(predict(truth, truth.astype(float), task)))
        assert section.conclusions == ("labels: the model disputes those of 0 of 20 clips",)
        assert not section.is_shown and section.values["label_noise"].empty
