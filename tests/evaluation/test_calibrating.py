"""Fitted calibrations: known parameters found again, scikit-learn's fits, and `audiotag calibrate` on a run."""

from __future__ import annotations

import dataclasses
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax

from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.evaluation import calibrating
from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.reliability import reliability
from audiotag.scorers import keras_models
from audiotag.tagging.calibration import MOST_KNOTS, Calibration, logits_of


def predictions(targets, scores, task: str = "multilabel", known=None) -> Predictions:
    targets = np.asarray(targets, np.uint8)
    labels = Labels(tuple(f"class {index}" for index in range(targets.shape[1])))
    return Predictions(np.array([f"clip {row}" for row in range(len(targets))]), targets, scores, labels, task, known)


def multilabel(clips: int = 4000, temperature=1.0, scale=1.0, shift=0.0, seed: int = 0) -> Predictions:
    """Scores whose logits z are such that z / temperature, or scale * z + shift, are the true log-odds."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, (clips, 3))
    true = expit(logits / temperature * np.asarray(scale) + np.asarray(shift))
    return predictions(rng.random(true.shape) < true, expit(logits))


def multiclass(clips: int = 4000, temperature=1.0, scale=1.0, shift=0.0, seed: int = 0) -> Predictions:
    """The same of a softmax over four classes."""
    rng = np.random.default_rng(seed)
    logits = np.log(softmax(rng.normal(0, 2, (clips, 4)), axis=1))
    true = softmax(logits / temperature * np.asarray(scale) + np.asarray(shift), axis=1)
    drawn = (rng.random((clips, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return predictions(np.eye(4)[np.minimum(drawn, 3)], softmax(logits, axis=1), "multiclass")


def without_a_third(found: Predictions) -> tuple[Predictions, Predictions]:
    """With a third of the pairs unknown, and the same with nonsense for scores of the unknown pairs."""
    known = np.random.default_rng(9).random(found.targets.shape) > 1 / 3
    masked = dataclasses.replace(found, targets=found.targets * known, known=known)
    return masked, dataclasses.replace(masked, scores=np.where(known, found.scores, 0.999))


@pytest.mark.parametrize("make", [multilabel, multiclass])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(make, temperature):
    found = calibrating.fit(make(temperature=temperature), "temperature", "validation")
    assert found.temperature == pytest.approx(temperature, rel=0.06)
    assert found.fitted_on == "validation"


def test_known_scales_and_shifts_of_every_class_are_found_again():
    scale, shift = (0.5, 1.0, 1.8), (1.0, 0.0, -1.5)
    found = calibrating.fit(multilabel(20_000, scale=scale, shift=shift), "platt")
    np.testing.assert_allclose(found.scale, scale, rtol=0.08)
    np.testing.assert_allclose(found.shift, shift, atol=0.12)


def test_known_vector_scaling_is_found_again():
    scale, shift = (0.6, 1.0, 1.0, 1.5), (1.0, 0.0, -0.5, -0.5)
    made = multiclass(20_000, scale=scale, shift=shift)
    found = calibrating.fit(made, "platt")
    truth = Calibration("platt", scale=scale, shift=shift).scores(made.scores, "multiclass")
    np.testing.assert_allclose(found.scores(made.scores, "multiclass"), truth, atol=0.03)
    assert np.abs(made.scores - truth).max() > 0.2


def test_platt_scaling_is_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    made = multilabel(6000, scale=(0.5, 1.0, 1.8), shift=(1.0, 0.0, -1.5))
    found = calibrating.fit(made, "platt")
    for index in range(3):
        regression = LogisticRegression(C=np.inf).fit(
            logits_of(made.scores, "multilabel")[:, [index]], made.targets[:, index]
        )
        assert found.scale[index] == pytest.approx(regression.coef_[0, 0], rel=0.01)
        assert found.shift[index] == pytest.approx(regression.intercept_[0], abs=0.01)


def test_isotonic_is_scikit_learn_s():
    from sklearn.isotonic import IsotonicRegression

    made = multilabel(500, scale=0.5, shift=0.5)
    on_grid = expit(np.round(logits_of(made.scores, "multilabel") * 20) / 20)
    made = dataclasses.replace(made, scores=on_grid)
    found = calibrating.fit(made, "isotonic").scores(on_grid, "multilabel")
    for index in range(3):
        regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        expected = regression.fit_transform(on_grid[:, index], made.targets[:, index])
        np.testing.assert_allclose(found[:, index], expected, atol=1e-9)


def test_isotonic_multiclass_is_one_against_the_rest_and_sums_to_one():
    made = multiclass(2000, temperature=2.0)
    calibration = calibrating.fit(made, "isotonic")
    scores = calibration.scores(made.scores, "multiclass")
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    assert reliability(calibrating.calibrated(made, calibration)).ece < reliability(made).ece / 2


def test_many_steps_are_thinned_to_the_knots_that_matter():
    logits = np.round(np.linspace(-9, 9, 361) * 20) / 20
    # Many clips a score, of which more and more are positive: every score is a knot.
    rng = np.random.default_rng(0)
    chances = np.sort(rng.random(361))
    repeated = np.repeat(logits, 400)
    truth = (np.tile(np.arange(400), 361) < np.repeat(np.round(chances * 400), 400)).astype(float)
    (knots,) = calibrating.fit(predictions(truth[:, None], expit(repeated)[:, None]), "isotonic").knots
    assert len(knots) == MOST_KNOTS
    mapped = np.interp(expit(logits), *np.array(knots).T)
    assert np.abs(mapped - np.round(chances * 400) / 400).max() < 0.03


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
@pytest.mark.parametrize("make", [multilabel, multiclass])
def test_errors_of_overconfident_scores_fall_on_other_clips_too(make, method):
    calibration = calibrating.fit(make(temperature=2.5), method)
    other = make(temperature=2.5, seed=1)
    before, after = reliability(other), reliability(calibrating.calibrated(other, calibration))
    assert after.ece < before.ece / 3
    assert after.brier < before.brier


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
@pytest.mark.parametrize("make", [multilabel, multiclass])
def test_scores_that_are_probabilities_already_hardly_change(make, method):
    made = make(8000)
    changed = calibrating.calibrated(made, calibrating.fit(made, method)).scores
    assert np.abs(changed - made.scores).mean() < (0.03 if method == "isotonic" else 0.01)


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_pairs_that_nobody_judged_count_nowhere(method):
    masked, nonsense = without_a_third(multilabel(600, temperature=2.0))
    fitted = calibrating.fit(masked, method)
    assert calibrating.fit(nonsense, method) == fitted
    assert calibrating.fit(dataclasses.replace(masked, known=None), method) != fitted
    if method != "temperature":
        rows = masked.known[:, 0]
        alone = calibrating.fit(predictions(masked.targets[rows][:, [0]], masked.scores[rows][:, [0]]), method)
        assert (alone.scale[:1], alone.knots[:1]) == (fitted.scale[:1], fitted.knots[:1])


@pytest.mark.parametrize("method", ["platt", "isotonic"])
@pytest.mark.parametrize("value", [0, 1])
def test_a_class_that_cannot_be_judged_keeps_its_scores(method, value):
    made = multilabel(200, temperature=3.0)
    targets = made.targets.copy()
    targets[:, 1] = value
    scores = calibrating.fit(dataclasses.replace(made, targets=targets), method).scores(made.scores, "multilabel")
    np.testing.assert_allclose(scores[:, 1], made.scores[:, 1], atol=1e-9)
    assert np.abs(scores[:, 0] - made.scores[:, 0]).max() > 0.05


def test_a_multiclass_class_without_clips_keeps_scale_and_shift():
    made = multiclass(300, temperature=2.0)
    rows = made.targets[:, 2] == 0
    found = calibrating.fit(predictions(made.targets[rows], made.scores[rows], "multiclass"), "platt")
    assert (found.scale[2], found.shift[2]) == (1.0, 0.0)
    assert found.scale[0] != 1.0


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_few_clips_that_are_perfectly_told_apart_are_not_sharpened_without_end(method, task):
    truth = np.eye(2)[[0, 0, 0, 1]]
    scores = np.where(truth, 0.8, 0.2)
    fitted = calibrating.fit(predictions(truth, scores, task), method)
    if method != "isotonic":
        changed = fitted.scores(scores, task)
        assert ((changed > 0.02) & (changed < 0.98)).all()


def test_a_class_that_is_scored_the_wrong_way_round_keeps_its_order():
    made = multilabel(500)
    turned = dataclasses.replace(made, targets=1 - made.targets)
    fitted = calibrating.fit(turned, "platt")
    assert min(fitted.scale) > 0
    changed = fitted.scores(made.scores, "multilabel")
    assert (np.argsort(changed, axis=0) == np.argsort(made.scores, axis=0)).all()


def test_an_unknown_method_suggests_the_nearest():
    with pytest.raises(AudiotagError, match="did you mean 'platt'"):
        calibrating.fit(multilabel(10), "plat")


class Splits:
    """As much of a data set as its splits need."""

    name, fingerprint = "esc 10, small", "3f2a9c81b0de" + 52 * "0"

    def select(self, expression: str) -> list[str]:
        return expression.split("+")


def test_splits_that_something_was_fitted_on_are_found_again():
    data = Splits()
    source = calibrating.source(data, "fold1+fold2", 80)
    assert source == "fold1+fold2 of esc 10, small, 80 clips, data 3f2a9c81b0de"
    for text in (source, f"best F1 on {source}", f"at most 1 false alarms an hour of noise on {source}"):
        assert calibrating.shared_splits(text, data, "fold2+fold3") == ["fold2"]
        assert calibrating.shared_splits(text, data, "fold3") == []
    data.fingerprint = 64 * "0"
    assert calibrating.shared_splits(source, data, "fold1") == []
    assert calibrating.shared_splits("by ear", data, "fold1") == []


RATE = 8000


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A built data set of three classes, and a run whose network tells them apart by pitch, overconfidently."""
    import csv

    import keras

    from audiotag import cli, models, progress, records
    from audiotag.cli.app import app

    root = tmp_path_factory.mktemp("calibrate")
    rows, rng = [("path", "label", "split")], np.random.default_rng(0)
    for split, takes in (("train", 1), ("validation", 6), ("test", 1)):
        for index, name in enumerate(("low [a]", "middle", "high")):
            for take in range(takes):
                path = f"{split}-{index}-{take}.wav"
                sounding = (index + (take == 0)) % 3  # one in six sounds like another class
                tone = 0.3 * np.sin(2 * np.pi * 400 * 3**sounding * np.arange(RATE // 2) / RATE)
                samples = (32767 * (tone + rng.normal(0, 0.02, len(tone)))).astype("<i2")
                with wave.open(str(root / path), "wb") as file:
                    file.setparams((1, 2, RATE, 0, "NONE", ""))
                    file.writeframes(samples.tobytes())
                rows.append((path, name, split))
    with (root / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    progress.set_quiet(True)
    options = ("--out", root / "data", "--table", "clips.csv", "--seconds", "0.5", "--workers", "1")
    assert cli.run(app, ["--quiet", "build", str(root), *map(str, options)]) == 0
    data = records.open(root / "data")
    log_mel, targets, *_ = next(iter(data.read("validation", batch_size=18, keys=True, variants=0)))
    means = np.asarray(log_mel).mean(axis=(1, 3))
    inputs = keras.Input((None, data.front_end.mels, 1))
    # Normalised, so that silence and noise score moderately too.
    pooled = keras.layers.LayerNormalization(center=False, scale=False)(keras.ops.mean(inputs, axis=(1, 3)))
    network = keras.Model(inputs, keras.layers.Dense(3, name="logits")(pooled))
    means = (means - means.mean(axis=1, keepdims=True)) / means.std(axis=1, keepdims=True)
    weights = np.linalg.lstsq(np.c_[means, np.ones(len(means))], np.asarray(targets) * 12 - 6, rcond=0.05)[0]
    network.get_layer("logits").set_weights([weights[:-1], weights[-1]])
    card = models.ModelCard("run", ClipFormat(data.labels, data.front_end, data.task, data.seconds, data.pad))
    models.save(network, root / "run" / "student.keras", card)
    recipe = f'data = "{(root / "data").as_posix()}"\nvalidation = "validation"\ntrain = "train"\n'
    (root / "run" / "recipe.toml").write_text(f'{recipe}fingerprint = "{data.fingerprint}"\n', encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def calibrate():
    """Runs `audiotag calibrate` in this process; exit code, standard output, standard error."""
    import contextlib
    import io

    import typer

    from audiotag import cli, progress
    from audiotag.cli.calibrate import calibrate as command

    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    program.command()(command)

    def run(*arguments: object) -> tuple[int, str, str]:
        progress.set_quiet(True)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(program, [*map(str, arguments)])
        return code, out.getvalue(), err.getvalue()

    return run


def test_the_command_writes_calibration_and_thresholds_into_the_tagger(folder, calibrate):
    import audiotag
    from audiotag import records

    code, out, err = calibrate(folder / "run")
    assert (code, err) == (0, "")
    data = records.open(folder / "data")
    tagger = audiotag.load(folder / "run")
    source = f"validation of {data.name}, 18 clips, data {data.fingerprint[:12]}"
    uncalibrated = keras_models.predict(tagger.network, data, "validation")
    assert tagger.calibration == calibrating.fit(uncalibrated, "temperature", source)
    assert tagger.thresholds_from == f"best F1 on {source}"
    assert len(tagger.thresholds) == 3
    for part in (source, "uncalibrated", "ECE", "Brier", "low [a]", "threshold", "new ones fare worse", "tagger.keras"):
        assert part in out
    assert out.rstrip().endswith(f"Next: audiotag evaluate {folder / 'run'}")


def test_the_command_takes_other_methods_and_aims_and_removes_them(folder, calibrate):
    import audiotag
    from audiotag.evaluation.sections import noise

    run = folder / "run"
    assert calibrate(run, "--method", "isotonic", "--aim", "precision=0.9")[0] == 0
    assert audiotag.load(run).calibration.method == "isotonic"
    assert calibrate(run, "--method", "none", "--aim", "false-alarms=0")[0] == 0
    tagger = audiotag.load(run)
    assert tagger.calibration is None
    assert tagger.thresholds_from.startswith("at most 0 false alarms an hour of noise on validation")
    for _, waveforms in noise.built_in(tagger.sample_rate, tagger.seconds):
        assert all(tagger.tag(waveform) == [] for waveform in waveforms)
    assert tagger.tag(folder / "validation-1-3.wav")
    assert calibrate(run, "--method", "platt", "--aim", "none")[0] == 0
    tagger = audiotag.load(run)
    assert (tagger.calibration.method, tagger.thresholds) == ("platt", None)
    assert calibrate(run, "--method", "none")[0] == 0
    tagger = audiotag.load(run)
    assert (tagger.calibration, tagger.thresholds, tagger.thresholds_from) == (None, None, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--split", "test"), "'test' is for the test"),
        (("--split", "validation+train"), "'train' was trained on"),
        (("--split", "fold7"), "no split is named 'fold7'"),
        (("--method", "plat"), "did you mean 'platt'"),
        (("--aim", "recall=1"), "received 'recall=1'"),
        (("--noise", "."), "leave --noise out"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_what_would_not_be_fair_or_cannot_be_is_one_line(folder, calibrate, options, message):
    code, out, err = calibrate(folder / "run", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_run_without_validation_must_name_a_split(folder, calibrate, tmp_path):
    import shutil

    shutil.copytree(folder / "run", tmp_path / "run")
    recipe = (tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8")
    changed = recipe.replace('validation = "validation"', 'validation = "none"')
    (tmp_path / "run" / "recipe.toml").write_text(changed, encoding="utf-8")
    code, _, err = calibrate(tmp_path / "run")
    assert code == 2
    assert "name one to fit on with --split (" in err
    assert calibrate(tmp_path / "run", "--split", "validation", "--aim", "none")[0] == 0
    assert calibrate(tmp_path / "nowhere")[0] == 2


def test_a_run_that_is_stopped_while_it_writes_keeps_the_old_file(folder, calibrate, monkeypatch):
    from audiotag.tagging import AudioTagger

    run = folder / "run"
    assert calibrate(run)[0] == 0
    before = (run / "tagger.keras").read_bytes()
    whole = AudioTagger.save

    def stopped(tagger, path, *arguments, **options):
        whole(tagger, path, *arguments, **options)
        path.write_bytes(path.read_bytes()[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(AudioTagger, "save", stopped)
    assert calibrate(run, "--method", "platt")[0] == 130
    assert (run / "tagger.keras").read_bytes() == before
    assert sorted(path.name for path in run.iterdir()) == ["recipe.toml", "student.keras", "tagger.keras"]
