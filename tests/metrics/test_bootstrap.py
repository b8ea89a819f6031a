"""Bootstrap intervals against a slow reference: draw rows, call scikit-learn, take percentiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri
from sklearn import metrics as oracle

from audiotag import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics import bootstrap, per_class
from audiotag.metrics.predictions import Predictions

CLASSES = 5
AVERAGES = ("macro", "weighted", "micro")


def predictions(task: str, *, clips: int = 60, masked: bool = False, seed: int = 0, recordings: int = 0) -> Predictions:
    """Scores of eight levels, so that many are equal; the last class is rare, or of a multilabel task has no clip."""
    random = np.random.default_rng(seed)
    scores = random.integers(0, 8, (clips, CLASSES)) / 8
    if task == "multiclass":
        targets = np.eye(CLASSES, dtype=np.uint8)[random.choice(CLASSES, clips, p=[0.4, 0.3, 0.15, 0.1, 0.05])]
    else:
        targets = (random.random((clips, CLASSES)) < [0.5, 0.3, 0.1, 0.05, 0.0]).astype(np.uint8)
    known = random.random(targets.shape) < 0.7 if masked else None
    targets = targets if known is None else targets * known
    names = Labels(tuple(f"class {index}" for index in range(CLASSES)))
    tapes = np.array([f"recording {row % recordings}" for row in range(clips)]) if recordings else None
    return Predictions(np.array([f"clip {row}" for row in range(clips)]), targets, scores, names, task, known, tapes)


def resample(
    found: Predictions, resamples: int, seed: int, unit: bootstrap.Unit = "clip"
) -> tuple[bootstrap.Resamples, np.ndarray]:
    """The metrics in every resample, and how often each clip counts there: (resamples, clips)."""
    units = bootstrap.units_of(found, unit)
    weights = units.weights(units.draws(resamples, seed))
    return bootstrap.resample(found, weights), weights.T


def slow_classes(found: Predictions, rows: np.ndarray) -> dict[str, list[float]]:
    """Metrics of every class over the given rows, by scikit-learn."""
    decided = per_class.decide(found)
    known = np.ones(found.targets.shape, bool) if found.known is None else found.known
    values: dict[str, list[float]] = {name: [] for name in bootstrap.METRICS}
    for k in range(CLASSES):
        own = rows[known[rows, k]]
        truth, scores, guesses = found.targets[own, k], found.scores[own, k], decided[own, k]
        row = dict.fromkeys(bootstrap.METRICS, np.nan)
        if len(own):
            row["Brier"] = np.mean((scores - truth) ** 2)
        if truth.any():
            row["AP"] = oracle.average_precision_score(truth, scores)
            row["AUC"] = oracle.roc_auc_score(truth, scores) if not truth.all() else np.nan
            row["F1"] = oracle.f1_score(truth, guesses)
            row["precision"] = oracle.precision_score(truth, guesses, zero_division=0)
            row["recall"] = oracle.recall_score(truth, guesses)
            row["accuracy"] = oracle.accuracy_score(truth, guesses)
            row["lwlrap"] = np.mean(
                [slow_label_precision(found, clip, k, known) for clip in own if truth_of(found, clip, k)]
            )
        for name, value in row.items():
            values[name].append(value)
    return values


def truth_of(found: Predictions, clip: int, k: int) -> bool:
    return bool(found.targets[clip, k])


def slow_label_precision(found: Predictions, clip: int, k: int, known: np.ndarray) -> float:
    """Of the judged classes of a clip that score at least as much as one of its labels, the share of labels."""
    ahead = [j for j in range(CLASSES) if known[clip, j] and found.scores[clip, j] >= found.scores[clip, k]]
    return sum(truth_of(found, clip, j) for j in ahead) / len(ahead)


@pytest.mark.parametrize("grouped", [False, True], ids=["clips", "recordings"])
@pytest.mark.parametrize(("task", "masked"), [("multilabel", False), ("multilabel", True), ("multiclass", False)])
def test_every_class_in_every_resample_equals_scikit_learn(task: str, masked: bool, grouped: bool) -> None:
    found = predictions(task, masked=masked, recordings=17 if grouped else 0)
    found = replace(found, thresholds=np.array([0.2, 0.3, 0.5, 0.7, 0.9]))
    fast, counts = resample(found, 3, seed=3, unit="recording")
    for index, drawn in enumerate(counts):
        if grouped:
            of_recording = dict(zip(found.recordings.tolist(), drawn.tolist(), strict=True))
            assert drawn.tolist() == [of_recording[tape] for tape in found.recordings.tolist()]
            assert sum(of_recording.values()) == 17
        slow = slow_classes(found, np.arange(60).repeat(drawn))
        for name, expected in slow.items():
            np.testing.assert_allclose(fast.classes[name][index], expected, rtol=0, atol=1e-12, err_msg=name)
        assert fast.means["mAP"][index] == pytest.approx(np.nanmean(slow["AP"]), abs=1e-12)
        assert fast.means["d_prime"][index] == pytest.approx(2**0.5 * ndtri(np.nanmean(slow["AUC"])), abs=1e-9)
        assert fast.means["Brier"][index] == pytest.approx(np.nanmean(slow["Brier"]), abs=1e-12)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_means_in_every_resample_equal_scikit_learn(task: str) -> None:
    found = predictions(task, clips=400, seed=5)
    drawn, counts = resample(found, 3, seed=1)
    fast = drawn.means
    decided = per_class.decide(found).astype(int)
    for index, times in enumerate(counts):
        rows = np.arange(400).repeat(times)
        truth, scores, guesses = found.targets[rows], found.scores[rows], decided[rows]
        defined = truth.any(axis=0)
        expected = {
            "lwlrap": oracle.label_ranking_average_precision_score(
                truth[truth.any(axis=1)], scores[truth.any(axis=1)], sample_weight=truth.sum(axis=1)[truth.any(axis=1)]
            ),
            "weighted_AP": oracle.average_precision_score(truth[:, defined], scores[:, defined], average="weighted"),
            "weighted_AUC": oracle.roc_auc_score(truth[:, defined], scores[:, defined], average="weighted"),
            "accuracy": (guesses == truth).mean() if task == "multilabel" else (guesses * truth).sum() / len(rows),
        }
        for average in AVERAGES:
            scored = oracle.precision_recall_fscore_support(
                *(each[:, defined] if average != "micro" else each for each in (truth, guesses)),
                average=average,
                zero_division=0,
            )
            prefix = "" if average == "macro" else f"{average}_"
            expected |= dict(zip((f"{prefix}precision", f"{prefix}recall", f"{prefix}F1"), scored[:3], strict=True))
        for name, value in expected.items():
            assert fast[name][index] == pytest.approx(value, abs=1e-12), name


def test_one_resample_of_every_clip_once_is_the_report() -> None:
    found = replace(predictions("multilabel", masked=True), thresholds=np.full(CLASSES, 0.4))
    once = bootstrap.resample(found, np.ones((60, 1), np.uint8))
    table = per_class.per_class(found)
    means = per_class.summary(found, table)
    for name, values in once.classes.items():
        np.testing.assert_allclose(values[0], table[name], rtol=0, atol=1e-12, err_msg=name)
    for name, values in once.means.items():
        assert values[0] == pytest.approx(means[name], abs=1e-12), name


def test_intervals_are_the_percentiles_of_the_resamples() -> None:
    found = predictions("multilabel", seed=7)
    targets = found.targets.copy()
    targets[:, 3] = np.arange(60) == 4
    found = replace(found, targets=targets)
    intervals = bootstrap.bootstrap(found, resamples=300, level=0.9, seed=2)
    every, counts = resample(found, 300, seed=2)
    assert list(intervals.classes["resamples"]) == [300, 300, 300, (counts[:, 4] > 0).sum(), 0]
    for name, values in every.classes.items():
        for k in range(CLASSES):
            defined = values[~np.isnan(values[:, k]), k]
            expected = np.percentile(defined, [5, 95]) if len(defined) else [np.nan, np.nan]
            ends = [intervals.classes.loc[k, f"{name}_{end}"] for end in ("low", "high")]
            np.testing.assert_allclose(ends, expected, rtol=0, atol=1e-12, err_msg=name)
    assert intervals.means["mAP"] == pytest.approx(tuple(np.percentile(every.means["mAP"], [5, 95])), abs=1e-12)
    areas = intervals.classes["AUC_low"].to_numpy()
    np.testing.assert_allclose(intervals.classes["d_prime_low"], 2**0.5 * ndtri(areas))
    assert (intervals.level, intervals.resamples, intervals.unit, intervals.units) == (0.9, 300, "clip", 60)


def test_an_interval_holds_what_the_population_gives() -> None:
    """Of 30 samples of one population, about 95 in 100 intervals of the mean recall hold its true recall, 0.7."""
    random, held = np.random.default_rng(8), 0
    for sample in range(30):
        targets = np.ones((150, 1), np.uint8)
        scores = (random.random((150, 1)) < 0.7).astype(float)
        names = np.array([str(row) for row in range(150)])
        found = Predictions(names, targets, scores, Labels(("a",)), "multilabel")
        low, high = bootstrap.bootstrap(found, resamples=100, seed=sample).means["recall"]
        held += low <= 0.7 <= high
    assert 24 <= held <= 30


def test_recordings_that_sound_alike_widen_the_interval() -> None:
    """Ten copies of every clip are no more evidence than one."""
    few = predictions("multilabel", clips=40, seed=9)
    copied = Predictions(
        np.array([f"{name} {copy}" for copy in range(10) for name in few.clip_ids]),
        np.tile(few.targets, (10, 1)),
        np.tile(few.scores, (10, 1)),
        few.labels,
        few.task,
        recordings=np.tile(few.clip_ids, 10),
    )
    by_recording, by_clip = (bootstrap.bootstrap(copied, unit, resamples=200) for unit in ("recording", "clip"))
    assert (by_recording.unit, by_recording.units) == ("recording", 40)
    assert (by_clip.unit, by_clip.units) == ("clip", 400)
    units = bootstrap.units_of(copied, "recording")
    np.testing.assert_array_equal(few.clip_ids[np.argsort(few.clip_ids)][units.of_clip], copied.recordings)
    low, high = by_recording.means["AUC"]
    narrow = by_clip.means["AUC"]
    assert high - low > 2 * (narrow[1] - narrow[0])


def test_the_seed_decides_and_the_number_of_threads_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(10)
    targets, scores = (random.random((90, 70)) < 0.2).astype(np.uint8), random.random((90, 70))
    labels = Labels(tuple(f"class {index}" for index in range(70)))
    found = Predictions(np.array([str(row) for row in range(90)]), targets, scores, labels, "multilabel")
    first = bootstrap.bootstrap(found, resamples=150, seed=1)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    again = bootstrap.bootstrap(found, resamples=150, seed=1)
    np.testing.assert_array_equal(first.classes, again.classes)
    assert first.means == again.means
    assert bootstrap.bootstrap(found, resamples=150, seed=2).means != first.means
    monkeypatch.setattr(bootstrap, "_CLASSES", 7)
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 11)
    np.testing.assert_allclose(bootstrap.bootstrap(found, resamples=150, seed=1).classes, first.classes, atol=1e-12)


def test_clips_are_drawn_where_no_recording_holds_several_or_none_is_known() -> None:
    alone = predictions("multilabel", recordings=60)
    for found in (alone, replace(alone, recordings=None)):
        units = bootstrap.units_of(found, "recording")
        assert (units.name, units.count, units.of_clip.tolist()) == ("clip", 60, list(range(60)))


def test_every_resample_draws_as_many_units_as_there_are() -> None:
    counts = bootstrap.Units("clip", np.arange(50), 50).draws(2000, seed=0).astype(int)
    assert (counts.sum(axis=1) == 50).all()
    # Every unit is drawn once a resample on average, with the variance 1 - 1/50 of a multinomial.
    assert counts.mean(axis=0) == pytest.approx(np.ones(50), abs=0.1)
    assert counts.var(axis=0).mean() == pytest.approx(1 - 1 / 50, abs=0.02)


@pytest.mark.parametrize(("recordings", "said"), [(1, "1 recording:"), (4, "4 recordings:")])
def test_too_few_recordings_have_no_interval_but_a_reason(recordings: int, said: str) -> None:
    intervals = bootstrap.bootstrap(predictions("multilabel", recordings=recordings), resamples=10)
    assert intervals.reason.startswith(said)
    assert intervals.classes.drop(columns="resamples").isna().all(axis=None)
    assert np.isnan(list(intervals.means.values())).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resamples": 0}, "resample"),
        ({"level": 1.0}, "level"),
        ({"unit": "day"}, "by recording or by clip"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict, said: str) -> None:
    with pytest.raises(AudiotagError, match=said):
        bootstrap.bootstrap(predictions("multilabel"), **options)
