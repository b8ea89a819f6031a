"""Metrics against scikit-learn, and average precision, AUC and lwlrap against slow loops written here."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as oracle

from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions


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


def slow_label_precisions(truth: np.ndarray, scores: np.ndarray, known: np.ndarray) -> list[float]:
    """Of the clip's judged classes that score at least as much as a label, the share of labels; mean over the clips."""
    found: list[list[Fraction]] = [[] for _ in range(truth.shape[1])]
    for clip, label in np.argwhere(truth):
        above = [k for k in np.flatnonzero(known[clip]) if scores[clip, k] >= scores[clip, label]]
        found[label].append(Fraction(sum(bool(truth[clip, k]) for k in above), len(above)))
    return [float(sum(shares) / len(shares)) if shares else math.nan for shares in found]


def slow_calibration_error(truth: np.ndarray, scores: np.ndarray) -> float:
    """Share-weighted |mean score - frequency| of the bins (0, 1/15], (1/15, 2/15] …, 0 being in the first."""
    edges, total = np.linspace(0, 1, 16), 0.0
    for low, high in itertools.pairwise(edges):
        rows = [i for i, score in enumerate(scores) if low < score <= high or score == low == 0]
        if rows:
            total += len(rows) / len(scores) * abs(np.mean(scores[rows]) - np.mean(truth[rows]))
    return total


UNDEFINED = [name for name in per_class.METRICS if name not in ("Brier", "ECE")]


def made(truth, scores, task="multilabel", known=None, thresholds=None, labels=None) -> Predictions:
    truth, scores = np.asarray(truth), np.asarray(scores, np.float64)
    labels = labels or Labels(tuple(f"class {index}" for index in range(truth.shape[1])))
    ids = np.array([f"clip {row}" for row in range(len(truth))])
    return Predictions(ids, truth.astype(np.uint8), scores, labels, task, known, thresholds=thresholds)


binary_column = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(binary_column)
def test_average_precision_and_auc_equal_slow_loops_with_ties(column: list[tuple[int, int]]) -> None:
    truth, scores = [label for label, _ in column], [level / 6 for _, level in column]
    row = per_class.per_class(made(np.array(truth)[:, None], np.array(scores)[:, None])).iloc[0]
    assert row["positives"] == sum(truth)
    if sum(truth):
        assert row["AP"] == pytest.approx(float(slow_average_precision(truth, scores)), abs=1e-12)
    else:
        assert row[UNDEFINED].isna().all()
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
    found = made(truth, scores, task, thresholds=np.full(6, 0.4))
    table, means = per_class.per_class(found), per_class.summary(found)
    predicted = np.eye(6, dtype=int)[scores.argmax(1)] if task == "multiclass" else (scores >= 0.4).astype(int)
    expected = {
        "AP": oracle.average_precision_score(truth, scores, average=None),
        "AUC": oracle.roc_auc_score(truth, scores, average=None),
        "F1": oracle.f1_score(truth, predicted, average=None, zero_division=0),
        "precision": oracle.precision_score(truth, predicted, average=None, zero_division=0),
        "recall": oracle.recall_score(truth, predicted, average=None, zero_division=0),
        "accuracy": [oracle.accuracy_score(truth[:, index], predicted[:, index]) for index in range(6)],
        "Brier": [oracle.brier_score_loss(truth[:, index], scores[:, index]) for index in range(6)],
        "ECE": [slow_calibration_error(truth[:, index], scores[:, index]) for index in range(6)],
        "lwlrap": slow_label_precisions(truth, scores, np.ones(truth.shape, bool)),
    }
    for metric, values in expected.items():
        np.testing.assert_allclose(table[metric], values, rtol=0, atol=1e-14, err_msg=metric)
        if metric != "lwlrap":
            mean = {"AP": "mAP", "accuracy": "mean_accuracy"}.get(metric, metric)
            assert means[mean] == pytest.approx(np.mean(values), abs=1e-14)
    np.testing.assert_allclose(table["d_prime"], math.sqrt(2) * norm.ppf(expected["AUC"]), rtol=1e-12, atol=1e-12)
    assert means["d_prime"] == pytest.approx(math.sqrt(2) * norm.ppf(np.mean(expected["AUC"])), abs=1e-12)
    overall = oracle.label_ranking_average_precision_score(truth, scores, sample_weight=truth.sum(1))
    assert means["lwlrap"] == pytest.approx(overall, abs=1e-14)
    assert table["predicted"].tolist() == predicted.sum(0).tolist()
    assert table["clips"].tolist() == [300] * 6
    for average in ("micro", "weighted"):
        options = {"average": average}
        assert means[f"{average}_AP"] == pytest.approx(
            oracle.average_precision_score(truth, scores, **options), abs=1e-14
        )
        assert means[f"{average}_AUC"] == pytest.approx(oracle.roc_auc_score(truth, scores, **options), abs=1e-14)
        for metric in ("f1", "precision", "recall"):
            value = getattr(oracle, f"{metric}_score")(truth, predicted, zero_division=0, **options)
            assert means[f"{average}_{metric.replace('f1', 'F1')}"] == pytest.approx(value, abs=1e-14)
    for k in (3, 5):
        if task == "multiclass":
            expected_top = oracle.top_k_accuracy_score(truth.argmax(1), scores, k=k, labels=range(6))
            assert means[f"top_{k}"] == pytest.approx(expected_top, abs=1e-14)
        assert (f"top_{k}" in means) == (task == "multiclass")
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
    found = made(truth, scores, labels=labels)
    table, means = per_class.per_class(found), per_class.summary(found)
    assert table.loc[1, UNDEFINED].isna().all()
    assert table.loc[1, "Brier"] == pytest.approx((0.8**2 + 0.9**2 + 0.3**2) / 3)
    assert table.loc[1, "predicted"] == 2
    assert table.loc[2, ["AUC", "d_prime"]].isna().all()
    assert table.loc[2, "AP"] == 1.0
    assert means["without_positives"] == ["unicorn, pink"]
    assert means["without_negatives"] == ["everywhere"]
    judged = [0, 2, 3]
    assert means["mAP"] == pytest.approx(oracle.average_precision_score(truth[:, judged], scores[:, judged]))
    assert means["AUC"] == pytest.approx(oracle.roc_auc_score(truth[:, [0, 3]], scores[:, [0, 3]]))


def test_means_are_nan_where_no_class_has_positives() -> None:
    means = per_class.summary(made(np.zeros((4, 2)), np.full((4, 2), 0.2)))
    defined = {"accuracy", "Brier", "ECE", "overall_ECE", "clips", "classes", "without_positives", "without_negatives"}
    assert all(math.isnan(value) for name, value in means.items() if name not in defined)
    assert (means["accuracy"], means["Brier"], means["ECE"]) == pytest.approx((1.0, 0.04, 0.2))
    assert means["without_positives"] == ["class 0", "class 1"]


@pytest.mark.parametrize("values", [[1, 1, 1], [0, 0, 0], [1]], ids=["all", "none", "one clip"])
def test_one_class_of_one_kind_is_measured_where_scikit_learn_is_defined(values: list[int]) -> None:
    truth, scores = np.array(values)[:, None], np.array([0.7, 0.2, 0.2])[: len(values), None]
    row = per_class.per_class(made(truth, scores)).iloc[0]
    assert math.isnan(row["AUC"])
    assert row["Brier"] == pytest.approx(oracle.brier_score_loss(truth, scores, labels=[0, 1]))
    if any(values):
        assert row["AP"] == pytest.approx(oracle.average_precision_score(truth, scores))
        assert row["lwlrap"] == 1.0
        assert row["F1"] == pytest.approx(oracle.f1_score(truth, scores >= 0.5))


def test_d_prime_is_infinite_where_the_ranking_is_perfect() -> None:
    found = made([[1, 0], [0, 1]], [[0.9, 0.9], [0.1, 0.1]])
    table = per_class.per_class(found)
    assert table["d_prime"].tolist() == [math.inf, -math.inf]
    assert per_class.summary(found, table)["d_prime"] == 0.0


def test_every_class_has_its_own_threshold() -> None:
    random = np.random.default_rng(2)
    truth, scores = random.integers(0, 2, (50, 3)), random.random((50, 3))
    thresholds = np.array([0.2, 0.5, 0.9])
    found = made(truth, scores, thresholds=thresholds)
    table = per_class.per_class(found)
    assert table["threshold"].tolist() == thresholds.tolist()
    for index, threshold in enumerate(thresholds):
        said = scores[:, index] >= threshold
        assert table.loc[index, "F1"] == pytest.approx(oracle.f1_score(truth[:, index], said))
    micro = per_class.summary(found)["micro_F1"]
    assert micro == pytest.approx(oracle.f1_score(truth, scores >= thresholds, average="micro"))


masked_pairs = st.lists(
    st.lists(st.tuples(st.sampled_from([0, 1, None]), st.integers(0, 4)), min_size=3, max_size=3),
    min_size=1,
    max_size=12,
)


@settings(max_examples=20, deadline=None)
@given(masked_pairs)
def test_unknown_pairs_count_as_if_they_were_deleted(pairs: list[list[tuple[int | None, int]]]) -> None:
    judgements = np.array([[judgement for judgement, _ in row] for row in pairs], dtype=object)
    scores = np.array([[level / 4 for _, level in row] for row in pairs])
    known = judgements != None  # noqa: E711 - elementwise
    truth = (judgements == 1).astype(int)
    found = made(truth, scores, known=known)
    table = per_class.per_class(found)
    for index in range(3):
        rows = known[:, index]
        assert table.loc[index, "clips"] == rows.sum()
        if not rows.any():
            assert table.loc[index, list(per_class.METRICS)].isna().all()
            continue
        column, level = truth[rows, index][:, None], scores[rows, index][:, None]
        alone = per_class.per_class(made(column, level)).iloc[0]
        for name in ("positives", "predicted", *per_class.METRICS):
            if name != "lwlrap":
                assert table.loc[index, name] == pytest.approx(alone[name], abs=1e-14, nan_ok=True)
    expected = slow_label_precisions(truth, scores, known)
    np.testing.assert_allclose(table["lwlrap"], expected, rtol=0, atol=1e-14)
    means = per_class.summary(found, table)
    flat, level = truth[known][:, None], scores[known][:, None]
    if len(flat):
        alone = per_class.summary(made(flat, level))
        for name in ("AP", "AUC", "F1", "precision", "recall"):
            single = alone["mAP" if name == "AP" else name]
            assert means[f"micro_{name}"] == pytest.approx(single, abs=1e-14, nan_ok=True)
        assert means["accuracy"] == pytest.approx((flat == (level >= 0.5)).mean())
    every = table.loc[table["positives"] == 0, "class"].tolist()
    assert means["without_positives"] == every


def test_the_score_of_an_unknown_pair_changes_nothing() -> None:
    random = np.random.default_rng(3)
    known = random.random((30, 4)) < 0.6
    truth = random.integers(0, 2, (30, 4)) * known
    scores = random.random((30, 4))
    others = np.where(known, scores, random.random((30, 4)))
    pair = [made(truth, each, known=known) for each in (scores, others)]
    tables = [per_class.per_class(each) for each in pair]
    assert tables[0].equals(tables[1])
    assert per_class.summary(pair[0]) == per_class.summary(pair[1])


def test_equal_highest_scores_choose_the_first_class_once() -> None:
    decided = per_class.decide(made(np.eye(3)[:2], [[0.4, 0.4, 0.2], [0.1, 0.45, 0.45]], "multiclass"))
    assert decided.tolist() == [[True, False, False], [False, True, False]]
