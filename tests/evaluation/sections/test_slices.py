"""Slices and folds against the metrics of the clips chosen by hand, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from sklearn import metrics as oracle

from audiotag import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections.folds import folds
from audiotag.evaluation.sections.slices import FIGURES, measure, sliceable, slices
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions

CLIPS, CLASSES = 120, 4


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    random = np.random.default_rng(0)
    truth = np.eye(CLASSES, dtype=np.uint8)[random.permutation(np.arange(CLIPS) % CLASSES)]
    exponents = np.exp(random.normal(size=truth.shape) + 1.5 * truth)
    ids = np.array([f"clip {index}" for index in range(CLIPS)])
    scores = exponents / exponents.sum(1, keepdims=True)
    return Predictions(ids, truth, scores, Labels(("dog", "rain", "sea", "wind")), "multiclass")


@pytest.fixture(scope="module")
def clips(predictions: Predictions) -> pandas.DataFrame:
    random = np.random.default_rng(1)
    return pandas.DataFrame(
        {
            "clip_id": predictions.clip_ids,
            "source": [f"{index}.wav" for index in range(CLIPS)],
            "split": [f"fold{1 + index % 3}" for index in range(CLIPS)],
            "device": random.choice(["phone b", "phone a", ""], CLIPS),
            "level": random.choice(["10", "-5", "0"], CLIPS),
            "seconds": [f"{value:.4f}" for value in random.uniform(0.5, 3000, CLIPS)],
            "year": random.choice(np.arange(1990, 2020).astype(str), CLIPS),
            "only": "one",
        }
    )


def by_hand(predictions: Predictions, rows: np.ndarray) -> dict[str, float]:
    truth, scores = predictions.targets[rows], predictions.scores[rows]
    said = np.eye(CLASSES, dtype=int)[scores.argmax(1)]
    held = truth.any(axis=0)
    return {
        "clips": int(rows.sum()),
        "classes": int(held.sum()),
        "mAP": oracle.average_precision_score(truth[:, held], scores[:, held]),
        "AUC": oracle.roc_auc_score(truth[:, held], scores[:, held]),
        "lwlrap": oracle.label_ranking_average_precision_score(truth, scores),
        "F1": oracle.f1_score(truth[:, held], said[:, held], average="macro", zero_division=0),
        "accuracy": oracle.accuracy_score(truth.argmax(1), scores.argmax(1)),
    }


def test_a_slice_has_the_metrics_of_its_clips_alone(predictions, clips) -> None:
    found = slices(predictions, clips, ["device", "level"])
    assert found["value"].tolist() == ["phone a", "phone b", "(none)", "-5", "0", "10"]
    for row in found.to_dict("records"):
        cell = "" if row["value"] == "(none)" else row["value"]
        expected = by_hand(predictions, (clips[row["column"]] == cell).to_numpy())
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-14)


def test_a_class_that_a_slice_lacks_is_left_out_of_its_means(predictions, clips) -> None:
    rare = clips.assign(device=np.where(predictions.targets[:, 2] == 1, "with", "without"))
    found = slices(predictions, rare, ["device"]).set_index("value")
    assert found["classes"].to_dict() == {"with": 1, "without": 3}
    expected = by_hand(predictions, (rare["device"] == "without").to_numpy())
    assert found.loc["without", "mAP"] == pytest.approx(expected["mAP"])
    assert np.isnan(found.loc["with", "AUC"])


@pytest.mark.parametrize("column", ["seconds", "as numbers"])
def test_many_numbers_are_cut_into_quartiles_named_by_their_range(predictions, clips, column) -> None:
    table = clips.assign(**{"as numbers": clips["seconds"].astype(float)})
    found = slices(predictions, table, [column])
    assert found["clips"].tolist() == [CLIPS // 4] * 4
    values = np.sort(clips["seconds"].astype(float).to_numpy()).reshape(4, -1)
    for name, part in zip(found["value"], values, strict=True):
        low, high = map(float, name.split(" to "))
        assert (low, high) == pytest.approx((part[0], part[-1]), rel=0.02)
    expected = by_hand(predictions, table["as numbers"].to_numpy() <= values[0, -1])
    assert found.loc[0, "mAP"] == pytest.approx(expected["mAP"])


def test_equal_numbers_share_a_quartile_and_missing_ones_are_apart(predictions, clips) -> None:
    numbers = np.concatenate([np.full(70, 5.0), np.arange(6, 36), np.full(20, np.nan)])
    found = slices(predictions, clips.assign(number=numbers), ["number"])
    # A quarter of the 100 numbers are 25: the first 70 are equal, so two cuts fall on them and the third on 10.
    assert found["value"].tolist() == ["5", "6 to 10", "11 to 35", "(none)"]
    assert found["clips"].tolist() == [70, 5, 25, 20]


def test_masks_are_kept(clips) -> None:
    random = np.random.default_rng(2)
    known = random.random((CLIPS, 2)) < 0.7
    truth = (random.random((CLIPS, 2)) < 0.4) & known
    ids = clips["clip_id"].to_numpy(str)
    labels = Labels(("dog", "rain"))
    scores = random.random((CLIPS, 2))
    masked = Predictions(ids, truth.astype(np.uint8), scores, labels, "multilabel", known, recordings=ids)
    table = clips.assign(device=["a"] * 100 + ["b"] * 20)
    found = slices(masked, table, ["device"])
    assert found["value"].tolist() == ["a", "b"]
    expected = [
        oracle.average_precision_score(truth[:100][known[:100, k], k], masked.scores[:100][known[:100, k], k])
        for k in range(2)
    ]
    assert found.loc[0, "mAP"] == pytest.approx(np.mean(expected))


def test_the_section_has_a_table_a_column(predictions, clips) -> None:
    table = per_class.per_class(predictions)
    summary = per_class.summary(predictions, table)
    section = measure(Evaluation((), predictions, None, clips, table, summary, "none", columns=["device", "level"]))
    assert [shown.title for shown in section.tables] == ["By device", "By level"]
    assert [row[0] for row in section.tables[0].rows] == ["phone a", "phone b", "(none)"]
    fitting = measure(Evaluation((), predictions, None, clips, table, summary, "none"))
    assert [shown.title for shown in fitting.tables] == ["By split", "By device", "By level", "By seconds"]
    nothing = measure(Evaluation((), predictions, None, clips, table, summary, "none", columns=[]))
    assert not nothing.is_shown and nothing.values["slices"].empty


def test_columns_that_cannot_be_sliced_are_refused_in_one_line(predictions, clips) -> None:
    for columns, message in (
        (["devise"], "no column of the clips is named 'devise': did you mean 'device'"),
        (["source"], "column 'source' has 120 values for 120 clips"),
    ):
        with pytest.raises(AudiotagError, match=message) as caught:
            slices(predictions, clips, columns)
        assert "\n" not in str(caught.value)


def test_columns_worth_slicing_are_those_of_few_values_and_measurements(clips) -> None:
    assert sliceable(clips) == ["split", "device", "level", "seconds"]


def test_folds_stand_in_their_order_with_mean_and_standard_deviation(predictions) -> None:
    fold_of = np.array([("fold10", "fold2", "fold1")[index % 3] for index in range(CLIPS)])
    found = folds(predictions, fold_of)
    assert found["fold"].tolist() == ["fold1", "fold2", "fold10", "mean", "standard deviation"]
    expected = [by_hand(predictions, fold_of == fold) for fold in ("fold1", "fold2", "fold10")]
    for name in FIGURES:
        values = [each[name] for each in expected]
        assert found[name].tolist() == pytest.approx([*values, np.mean(values), np.std(values, ddof=1)], abs=1e-14)
    assert found["clips"].tolist()[:3] == [40, 40, 40]
    assert found["clips"].isna().tolist() == [False] * 3 + [True] * 2


def test_one_fold_has_no_standard_deviation(predictions) -> None:
    found = folds(predictions, np.full(CLIPS, "fold1"))
    assert found.loc[1, "mAP"] == found.loc[0, "mAP"]
    assert found.loc[2, list(FIGURES)].isna().all()


def test_thresholds_are_those_of_the_predictions(clips) -> None:
    random = np.random.default_rng(4)
    truth, scores, limits = random.random((CLIPS, 2)) < 0.4, random.random((CLIPS, 2)), np.array([0.3, 0.8])
    labels, ids = Labels(("dog", "rain")), clips["clip_id"].to_numpy(str)
    strict = Predictions(ids, truth.astype(np.uint8), scores, labels, "multilabel", thresholds=limits)
    halves = np.where(np.arange(CLIPS) < CLIPS // 2, "a", "b")
    expected = [
        oracle.f1_score(truth[halves == half], scores[halves == half] >= limits, average="macro") for half in ("a", "b")
    ]
    assert slices(strict, clips.assign(half=halves), ["half"])["F1"].tolist() == pytest.approx(expected, abs=1e-14)
    assert folds(strict, halves)["F1"].tolist()[:2] == pytest.approx(expected, abs=1e-14)
