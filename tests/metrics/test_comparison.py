"""Comparison of two models: against a slow paired bootstrap, on shuffled and partly common clips, by chance."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
import typer
from sklearn.metrics import average_precision_score

from audiotag import AudiotagError, metrics
from audiotag.cli.compare import compare as command
from audiotag.labels import Labels
from audiotag.metrics import bootstrap, per_class
from audiotag.metrics.comparison import Comparison, compare, least_resamples
from audiotag.metrics.predictions import Predictions

CLIPS, CLASSES = 240, 6


def model(gain: float | np.ndarray = 0.0, seed: int = 1, clips: int = CLIPS) -> Predictions:
    """Scores of a model; `gain` (or one a class) is how far positives stand out beyond those of other models."""
    hard = np.random.default_rng(0)
    targets = (hard.random((clips, CLASSES)) < 0.25).astype(np.uint8)
    logits = hard.normal(size=targets.shape) + (1.0 + gain) * targets
    scores = 1 / (1 + np.exp(-logits - 0.4 * np.random.default_rng(seed).normal(size=targets.shape)))
    labels = Labels(tuple(f"class {index}" for index in range(CLASSES)))
    return Predictions(np.array([f"clip {row}" for row in range(clips)]), targets, scores, labels, "multilabel")


def shuffled(found: Predictions, seed: int = 3) -> tuple[Predictions, np.ndarray]:
    """The same predictions, clips and classes in another order; and that of the classes."""
    random = np.random.default_rng(seed)
    rows, columns = random.permutation(len(found.clip_ids)), random.permutation(len(found.labels))
    part = np.ix_(rows, columns)
    labels = Labels(tuple(found.labels.names[k] for k in columns))
    clips = found.clip_ids[rows]
    return Predictions(clips, found.targets[part], found.scores[part], labels, found.task), columns


def of(found: Comparison, metric: str) -> pandas.DataFrame:
    return found.classes[found.classes["metric"] == metric].set_index("index")


def test_differences_equal_a_slow_paired_bootstrap() -> None:
    first, second = model(seed=1), model(0.3, seed=2)
    found = of(compare(first, second, resamples=25, level=0.8, seed=5), "AP")
    slow = np.zeros((25, CLASSES))
    for drawn, row in zip(bootstrap.units_of(first, "clip").draws(25, seed=5), slow, strict=True):
        rows = np.arange(CLIPS).repeat(drawn)
        for k in range(CLASSES):
            scored = [average_precision_score(each.targets[rows, k], each.scores[rows, k]) for each in (first, second)]
            row[k] = scored[1] - scored[0]
    np.testing.assert_allclose(found[["low", "high"]].T, np.percentile(slow, [10, 90], axis=0), rtol=0, atol=1e-12)
    p = [2 * min(1 + (column <= 0).sum(), 1 + (column >= 0).sum()) / 26 for column in slow.T]
    np.testing.assert_allclose(found["p"], np.minimum(p, 1), rtol=1e-12)


def test_q_is_the_step_up_of_benjamini_and_hochberg() -> None:
    found = of(compare(model(), model(np.linspace(0, 0.5, CLASSES), seed=2), resamples=200), "AUC")
    p = found["p"].to_numpy()
    adjusted = {one: one * CLASSES / (p <= one).sum() for one in p}
    stepped = [min(adjusted[other] for other in p if other >= one) for one in p]
    np.testing.assert_allclose(found["q"], stepped, rtol=1e-12)
    assert len(set(stepped)) > 1


def test_values_are_those_of_the_report_and_means_too() -> None:
    limits = np.full(CLASSES, 0.4), np.linspace(0.3, 0.7, CLASSES)
    first, second = (
        dataclasses.replace(one, thresholds=limit)
        for one, limit in zip((model(seed=1), model(0.3, seed=2)), limits, strict=True)
    )
    found = compare(first, second, resamples=20)
    for column, each in (("first", first), ("second", second)):
        table = per_class.per_class(each)
        means = per_class.summary(each, table)
        for name in bootstrap.METRICS:
            np.testing.assert_allclose(of(found, name)[column], table[name], rtol=0, atol=1e-12)
        for name, row in found.means.iterrows():
            assert row[column] == pytest.approx(means[name], abs=1e-12), name


def test_better_is_told_from_worse_and_from_undecided() -> None:
    gain = np.array([1.5, -0.9, 0, 0, 0, 0])
    found = compare(model(), model(gain, seed=12), resamples=400)
    assert list(of(found, "AP")["verdict"]) == ["better", "worse", "", "", "", ""]
    assert list(of(found, "Brier")["verdict"])[:2] == ["better", "worse"]
    assert of(found, "Brier")["difference"][0] < 0
    turned = of(compare(model(gain, seed=12), model(), resamples=400), "AP")
    assert list(turned["verdict"])[:2] == ["worse", "better"]


def test_a_model_does_not_differ_from_itself() -> None:
    found = compare(model(), model(), resamples=50)
    assert (found.classes["difference"] == 0).all()
    assert (found.classes["q"] == 1).all()
    assert (found.classes["verdict"] == "").all()
    assert (found.means[["low", "high", "difference"]] == 0).all(axis=None)


def test_pairing_makes_the_interval_narrow() -> None:
    """Clips that are hard for both cancel out: the difference is known better than either value."""
    first, second = model(seed=1), model(0.1, seed=2)
    difference = compare(first, second, resamples=200).means.loc["mAP"]
    low, high = bootstrap.bootstrap(first, resamples=200).means["mAP"]
    assert difference["high"] - difference["low"] < 0.7 * (high - low)


def test_order_of_clips_and_of_classes_does_not_matter() -> None:
    first, second = model(seed=1), model(np.linspace(0, 1, CLASSES), seed=2)
    limits = np.linspace(0.3, 0.7, CLASSES)
    turned, columns = shuffled(second)
    plain = compare(first, dataclasses.replace(second, thresholds=limits), resamples=100)
    again = compare(first, dataclasses.replace(turned, thresholds=limits[columns]), resamples=100)
    pandas.testing.assert_frame_equal(plain.classes, again.classes)
    assert (again.left_out, again.left_out_classes) == ((0, 0), ((), ()))


def test_only_common_clips_and_classes_are_compared_and_the_others_counted() -> None:
    first, second = model(seed=1), model(0.2, seed=2)
    less = Predictions(
        first.clip_ids[30:], first.targets[30:, 1:], first.scores[30:, 1:], Labels(first.labels.names[1:]), "multilabel"
    )
    names = np.concatenate([second.clip_ids[:-10], [f"other {row}" for row in range(10)]])
    found = compare(less, replace(second, clip_ids=names), resamples=20)
    assert (found.clips, found.left_out) == (CLIPS - 40, (10, 40))
    assert found.left_out_classes == ((), ("class 0",))
    truth, scores = second.targets[30:-10, 1], second.scores[30:-10, 1]
    row = of(found, "AP").loc[0]
    assert (row["class"], row["positives"]) == ("class 1", truth.sum())
    assert row["second"] == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


def test_pairs_that_one_does_not_know_count_for_none() -> None:
    first, second = model(seed=1), model(0.2, seed=2)
    known = np.random.default_rng(6).random(first.targets.shape) < 0.6
    masked = replace(second, known=known, targets=second.targets * known)
    row = of(compare(first, masked, resamples=20), "AP").loc[2]
    own = known[:, 2]
    for column, each in (("first", first), ("second", second)):
        expected = average_precision_score(each.targets[own, 2], each.scores[own, 2])
        assert row[column] == pytest.approx(expected, abs=1e-12)


def test_a_class_of_few_clips_is_never_called_better() -> None:
    """One positive clip differs alike in every resample that holds it, which is no evidence."""
    first, second = model(seed=1), model(5.0, seed=2)
    targets = first.targets.copy()
    targets[:, 0] = np.arange(CLIPS) == 7
    targets[:, 1] = np.isin(np.arange(CLIPS), [7, 8, 9])
    scores = second.scores.copy()
    scores[:10, :2] = 0.999
    found = of(
        compare(
            replace(first, targets=targets),
            Predictions(first.clip_ids, targets, scores, first.labels, "multilabel"),
            resamples=400,
        ),
        "AP",
    )
    assert (found["difference"][:2] > 0).all()
    assert list(found["p"][:2]) == [1.0, 0.25]
    assert list(found["verdict"][:2]) == ["", ""]


def test_recordings_count_as_one_each() -> None:
    first, second = model(seed=1), model(0.2, seed=2)
    recordings = np.array([f"recording {row % 24}" for row in range(CLIPS)])
    known_to_one = replace(second, recordings=recordings)
    found = compare(first, known_to_one, resamples=100, seed=4)
    assert (found.unit, found.units) == ("recording", 24)
    assert compare(first, known_to_one, "clip", resamples=1).unit == "clip"
    slow = []
    names = sorted(set(recordings.tolist()))
    for drawn in bootstrap.units_of(known_to_one, "recording").draws(100, seed=4):
        times = dict(zip(names, drawn.tolist(), strict=True))
        rows = np.arange(CLIPS).repeat([times[name] for name in recordings.tolist()])
        scored = [average_precision_score(each.targets[rows, 0], each.scores[rows, 0]) for each in (first, second)]
        slow.append(scored[1] - scored[0])
    row = of(found, "AP").loc[0]
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.percentile(slow, [2.5, 97.5])), abs=1e-12)
    one = compare(first, replace(second, recordings=np.full(CLIPS, "the only one")), resamples=10)
    assert one.reason.startswith("1 recording")
    assert one.classes[["low", "high", "p", "q"]].isna().all(axis=None)
    assert (one.classes["verdict"] == "").all()


def test_equal_models_are_seldom_told_apart() -> None:
    """Of 15 pairs of equally good models, where 1 in 20 may have any verdict."""
    pairs = [(model(seed=2 * pair), model(seed=2 * pair + 1)) for pair in range(20, 35)]
    found = [of(compare(*pair, resamples=300, seed=seed), "AP")["verdict"] for seed, pair in enumerate(pairs)]
    assert sum((verdicts != "").any() for verdicts in found) <= 3


def test_one_class_can_be_decided_from_so_many_resamples() -> None:
    least = least_resamples(50)
    assert 2 / (least + 1) * 50 < 0.05 <= 2 / (least - 1) * 50


def test_what_cannot_be_compared_is_refused_in_one_line() -> None:
    first = model()
    targets = first.targets.copy()
    targets[5, 2] = 1 - targets[5, 2]
    multiclass = replace(first, targets=np.eye(CLASSES, dtype=np.uint8)[np.arange(CLIPS) % CLASSES], task="multiclass")
    fewer = replace(multiclass, labels=Labels((*multiclass.labels.names[:-1], "another")))
    cases = [
        (first, replace(first, targets=targets), "clip 'clip 5' .* 'class 2'"),
        (first, replace(first, clip_ids=np.array([f"x{row}" for row in range(CLIPS)])), "none is common"),
        (first, replace(first, labels=Labels(tuple("uvwxyz"))), "models of the same classes"),
        (first, multiclass, "one task"),
        (multiclass, fewer, "'class 5'"),
    ]
    for one, other, said in cases:
        with pytest.raises(AudiotagError, match=said) as error:
            compare(one, other)
        assert "\n" not in str(error.value)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two run folders whose class 0 got better and whose class 1 got worse."""
    recordings = np.array([f"recording {row // 2}" for row in range(CLIPS)])
    gain = np.array([1.5, -0.9, 0, 0, 0, 0])
    for name, found in (("old", model()), ("new", model(gain, seed=12))):
        (tmp_path / name).mkdir()
        metrics.save(replace(found, recordings=recordings), tmp_path / name / "predictions.npz")
    return tmp_path / "old", tmp_path / "new"


@pytest.fixture
def audiotag_compare(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; gives its exit code, standard output and standard error."""
    from audiotag import cli, progress

    progress.set_quiet(True)
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    program.command()(command)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = cli.run(program, [str(each) for each in arguments], "audiotag compare")
        return code, *capsys.readouterr()

    return run


def test_the_command_says_what_got_better_and_worse(
    runs: tuple[Path, Path], audiotag_compare: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    table = tmp_path / "every.csv"
    code, out, _ = audiotag_compare(*runs, "--resamples", 400, "--csv", table)
    assert code == 0
    parts = [
        out[out.index(title) :] for title in ("better in AP: 1 classes", "worse in AP: 1 classes", "undecided: 4 of 6")
    ]
    assert "class 0" in parts[0][: parts[0].index("worse")]
    assert "class 1" in parts[1][: parts[1].index("undecided")]
    assert "400 resamples of 120 recordings" in " ".join(out.split())
    written = pandas.read_csv(table, keep_default_na=False)
    assert sorted(set(written["metric"])) == sorted(bootstrap.METRICS)
    assert len(written) == CLASSES * len(bootstrap.METRICS)
    code, out, _ = audiotag_compare(*runs, "--resamples", 400, "--json", "--metric", "F1", "--unit", "clip")
    found = json.loads(out)
    expected = compare(*(metrics.load(run / "predictions.npz") for run in runs), "clip", resamples=400)
    assert (code, found["unit"], len(found["classes"])) == (0, "clip", CLASSES)
    assert found["classes"][1]["difference"] == pytest.approx(of(expected, "F1")["difference"][1], abs=1e-12)
    assert found["means"][0]["name"] == "mAP"
    assert found["means"][0]["p"] == pytest.approx(expected.means["p"]["mAP"], abs=1e-12)


def test_the_command_refuses_in_one_line(
    runs: tuple[Path, Path], audiotag_compare: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    bare = tmp_path / "bare.npz"
    metrics.save(model(), bare)
    cases = [
        ((runs[0], tmp_path), f"run `audiotag evaluate {tmp_path}` first"),
        ((*runs, "--metric", "ap"), "no metric of a class is named 'ap'"),
        ((*runs, "--unit", "day"), "clip or recording"),
        ((bare, bare, "--unit", "recording"), "use --unit clip"),
    ]
    for arguments, said in cases:
        code, out, err = audiotag_compare(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


def test_every_line_of_help_is_whole(
    audiotag_compare: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = audiotag_compare("--help")
    assert code == 0
    assert "..." not in out
    assert max(map(len, out.splitlines())) <= 80
