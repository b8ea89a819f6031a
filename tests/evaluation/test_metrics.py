"""Metrics against scikit-learn, and average precision and AUC against slow loops written here."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from audiotag import AudiotagError
from audiotag.evaluation import metrics
from audiotag.labels import Labels


def slow_average_precision(truth: list[int], scores: list[float]) -> Fraction:
    """Sum over thresholds, from the highest score down, of precision times the gain of recall."""
    total, recall = Fraction(0), Fraction(0)
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for label, score in zip(truth, scores, strict=True) if score >= threshold]
        reached = Fraction(sum(chosen), sum(truth))
        total += Fraction(sum(chosen), len(chosen)) * (reached - recall)
        recall = reached
    return total


def slow_auc(truth: list[int], scores: list[float]) -> Fraction:
    """Share of pairs of a positive and a negative that are in order, a tie counting half."""
    positives = [score for label, score in zip(truth, scores, strict=True) if label]
    negatives = [score for label, score in zip(truth, scores, strict=True) if not label]
    won = sum(Fraction(1) if p > n else Fraction(p == n, 2) for p in positives for n in negatives)
    return won / (len(positives) * len(negatives))


def names(count: int) -> Labels:
    return Labels(tuple(f"class {index}" for index in range(count)))


binary_column = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(binary_column)
def test_average_precision_and_auc_equal_slow_loops_with_ties(column: list[tuple[int, int]]) -> None:
    truth, scores = [label for label, _ in column], [level / 6 for _, level in column]
    row = metrics.per_class(np.array(truth)[:, None], np.array(scores)[:, None], names(1), task="multilabel").iloc[0]
    assert row["positives"] == sum(truth)
    if sum(truth):
        assert row["AP"] == pytest.approx(float(slow_average_precision(truth, scores)), abs=1e-12)
    else:
        assert row[list(metrics.METRICS)].isna().all()
    if 0 < sum(truth) < len(truth):
        assert row["AUC"] == pytest.approx(float(slow_auc(truth, scores)), abs=1e-12)
    else:
        assert math.isnan(row["AUC"])


@pytest.mark.parametrize("levels", [None, 5, 1], ids=["random", "tied", "all equal"])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_every_metric_equals_scikit_learn(task: str, levels: int | None) -> None:
    random = np.random.default_rng(1)
    scores = random.random((300, 6))
    if levels is not None:
        scores = np.floor(scores * levels) / levels
    truth = (
        np.eye(6, dtype=int)[random.integers(0, 6, 300)] if task == "multiclass" else random.integers(0, 2, (300, 6))
    )
    table = metrics.per_class(truth, scores, names(6), task=task, threshold=0.4)
    means = metrics.summary(table, truth, scores, task, threshold=0.4)
    predicted = np.eye(6, dtype=int)[scores.argmax(1)] if task == "multiclass" else (scores >= 0.4).astype(int)
    expected = {
        "AP": oracle.average_precision_score(truth, scores, average=None),
        "AUC": oracle.roc_auc_score(truth, scores, average=None),
        "F1": oracle.f1_score(truth, predicted, average=None, zero_division=0),
        "precision": oracle.precision_score(truth, predicted, average=None, zero_division=0),
        "recall": oracle.recall_score(truth, predicted, average=None, zero_division=0),
        "accuracy": [oracle.accuracy_score(truth[:, index], predicted[:, index]) for index in range(6)],
    }
    for metric, values in expected.items():
        np.testing.assert_allclose(table[metric], values, rtol=0, atol=1e-15, err_msg=metric)
        mean = {"AP": "mAP", "accuracy": "mean_accuracy"}.get(metric, metric)
        assert means[mean] == pytest.approx(np.mean(values), abs=1e-15)
    assert table["predicted"].tolist() == predicted.sum(0).tolist()
    assert means["micro_AP"] == oracle.average_precision_score(truth, scores, average="micro")
    assert means["micro_F1"] == pytest.approx(oracle.f1_score(truth, predicted, average="micro"), abs=1e-15)
    whole = (
        oracle.accuracy_score(truth.argmax(1), scores.argmax(1))
        if task == "multiclass"
        else 1 - oracle.hamming_loss(truth, predicted)
    )
    assert means["accuracy"] == pytest.approx(whole, abs=1e-15)


def test_a_class_without_positives_is_nan_counted_named_and_left_out_of_the_means() -> None:
    truth = np.array([[1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 1, 1]])
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.2, 0.9, 0.8, 0.2], [0.1, 0.3, 0.9, 0.7]])
    labels = Labels(("dog", "unicorn, pink", "everywhere", "cat"))
    table = metrics.per_class(truth, scores, labels, task="multilabel")
    means = metrics.summary(table, truth, scores, "multilabel")
    assert table.loc[1, list(metrics.METRICS)].isna().all()
    assert table.loc[1, "predicted"] == 2
    assert math.isnan(table.loc[2, "AUC"])
    assert table.loc[2, "AP"] == 1.0
    assert means["without_positives"] == ["unicorn, pink"]
    assert means["without_negatives"] == ["everywhere"]
    judged = [0, 2, 3]
    assert means["mAP"] == pytest.approx(oracle.average_precision_score(truth[:, judged], scores[:, judged]))
    assert means["AUC"] == pytest.approx(oracle.roc_auc_score(truth[:, [0, 3]], scores[:, [0, 3]]))


def test_means_are_nan_where_no_class_has_positives() -> None:
    truth, scores = np.zeros((4, 2)), np.full((4, 2), 0.2)
    means = metrics.summary(metrics.per_class(truth, scores, names(2), task="multilabel"), truth, scores, "multilabel")
    assert all(math.isnan(means[name]) for name in ("mAP", "AUC", "F1", "micro_AP", "micro_F1"))
    assert means["accuracy"] == 1.0
    assert means["without_positives"] == ["class 0", "class 1"]


def test_equal_highest_scores_choose_the_first_class_once() -> None:
    decided = metrics.decide(np.array([[0.4, 0.4, 0.2], [0.1, 0.45, 0.45]]), "multiclass")
    assert decided.tolist() == [[True, False, False], [False, True, False]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_naming_the_clip(bad: float) -> None:
    scores = np.full((3, 2), 0.5)
    scores[1, 1] = bad
    ids = np.array(["a", "street, 'noon'", "c"])
    with pytest.raises(AudiotagError, match=r"finite.*street, 'noon'.*class 1"):
        metrics.check(np.eye(2)[[0, 1, 0]], scores, "multiclass", ids)
    with pytest.raises(AudiotagError, match="row 1"):
        metrics.per_class(np.eye(2)[[0, 1, 0]], scores, names(2), task="multiclass")


@pytest.mark.parametrize(
    ("truth", "scores", "task", "message"),
    [
        ([[0.5, 0.5]], [[0.1, 0.2]], "multilabel", "targets must be 0 or 1, received 0.5"),
        ([[1, 1]], [[0.1, 0.2]], "multiclass", "exactly one label, row 0 has 2"),
        ([[1, 0]], [[0.1, 0.2, 0.3]], "multiclass", r"\(1, 2\) and \(1, 3\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "multilabel", "at least one clip"),
        ([[1, 0]], [[0.1, 0.2]], "ranking", "multiclass or multilabel, received 'ranking'"),
        ([[1, 0, 0]], [[0.1, 0.2, 0.3]], "multiclass", "2 labels, 3 classes"),
    ],
)
def test_what_no_metric_is_defined_for_is_refused_in_one_line(truth, scores, task, message) -> None:
    with pytest.raises(AudiotagError, match=message) as caught:
        metrics.per_class(np.asarray(truth), np.asarray(scores), names(2), task=task)
    assert "\n" not in str(caught.value)
