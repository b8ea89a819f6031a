"""`evaluate`: what is written, what is pooled, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pandas
import pytest

from audiotag import AudiotagError, metrics, models
from audiotag.evaluation import evaluate
from audiotag.metrics import per_class
from audiotag.tagging import AudioTagger
from audiotag.tagging.calibration import Calibration

WRITTEN = {"report.html", "metrics.csv", "metrics.json", "predictions.npz", "model_card.md", "evaluation"}


@pytest.fixture
def make_run(network, tmp_path):
    """A run folder of the small network, with a tagger where it is to have thresholds or a calibration."""

    def make(data, name: str = "a run", validation: str = "train", **tagger) -> Path:
        run = tmp_path / name
        card = models.ModelCard("small", data.labels, data.front_end, data.task, data.seconds, data_set=data.name)
        models.save(network(), run / "student.keras", card)
        recipe = f'data = "{data.path}"\nvalidation = "{validation}"\nmodel = "small"\nepochs = 3\n'
        (run / "recipe.toml").write_text(recipe, encoding="utf-8")
        if tagger:
            AudioTagger(network(), data.labels, data.front_end, data.task, data.seconds, **tagger).save(
                run / "tagger.keras"
            )
        return run

    return make


def test_a_run_gets_every_file_and_a_second_evaluation_replaces_the_first(make_run, data) -> None:
    run = make_run(data)
    for _ in range(2):
        report = evaluate(run, resamples=50)
    assert {path.name for path in run.iterdir()} - {"student.keras", "recipe.toml"} == WRITTEN
    assert (report.split, report.data_set["name"], report.subject.kind) == ("test", "tones", "run")
    kept = metrics.load(run / "predictions.npz")
    expected = per_class.per_class(kept)
    written = pandas.read_csv(run / "metrics.csv", index_col="index")
    assert written.index.tolist() == ["0", "1", "2", "mean", "all"]
    columns = ["AP", "AUC", "F1", "Brier"]
    np.testing.assert_allclose(written.iloc[:3][columns], expected[columns], atol=1e-12)
    assert written.loc["mean", "AP"] == pytest.approx(report.summary["mAP"])
    said = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert said["summary"]["accuracy"] == pytest.approx((kept.scores.argmax(1) == kept.targets.argmax(1)).mean())
    assert len(list((run / "evaluation").glob("events.out.tfevents.*"))) == 1
    assert report.command == f"audiotag evaluate '{run}' --resamples 50"
    assert report.hyperparameters == {"model": "small", "epochs": 3}


def test_the_worst_mistakes_can_be_seen_and_heard_where_the_recordings_still_lie(make_run, data) -> None:
    report = evaluate(make_run(data), resamples=0)
    assert report.mistakes
    for mistake in report.mistakes:
        assert mistake.log_mel.shape == (data.frames, data.front_end.mels)
        assert mistake.waveform.shape == (data.samples,)
    assert report.intervals is None


def test_sounds_that_are_no_files_are_heard_from_their_declaration(make_run, declared, data) -> None:
    silent = dataclasses.replace(declared, read=lambda root, clip, rate: np.full(rate, 0.25, np.float32))
    report = evaluate(make_run(data), recordings=silent, resamples=0)
    assert all((mistake.waveform == 0.25).all() for mistake in report.mistakes)
    assert report.command == f"audiotag evaluate '{report.out}' --resamples 0"


def test_noise_embeddings_and_the_card_s_facts_are_there(make_run, data, network, log_mel_of) -> None:
    report = evaluate(make_run(data), resamples=0)
    assert report.noise.windows.sum() == 20 and report.noise.counts.shape[1] == 3
    clip_ids = report.predictions.clip_ids[report.embeddings.rows]
    assert sorted(clip_ids) == sorted(report.predictions.clip_ids)
    hidden = keras.Model(network().input, network().get_layer("features").output)
    expected = hidden.predict(log_mel_of(clip_ids), verbose=0)
    np.testing.assert_allclose(report.embeddings.vectors, expected, atol=1e-5)
    assert report.subject.about["trained on"] == "tones"


def test_thresholds_and_calibration_of_the_tagger_are_used_and_said(make_run, multilabel_data) -> None:
    plain = evaluate(make_run(multilabel_data, "plain"), resamples=0)
    calibration = Calibration("temperature", 2.0, fitted_on="elsewhere")
    tagger = {"calibration": calibration, "thresholds": (0.3, 0.9, 0.4), "thresholds_from": "best F1 on elsewhere"}
    report = evaluate(make_run(multilabel_data, "tuned", **tagger), resamples=0)
    logits = np.log(plain.predictions.scores / (1 - plain.predictions.scores))
    np.testing.assert_allclose(report.predictions.scores, 1 / (1 + np.exp(-logits / 2)), atol=1e-6)
    assert report.table["threshold"].tolist() == pytest.approx([0.3, 0.9, 0.4])
    assert report.thresholds_from == "best F1 on elsewhere" and "temperature" in report.calibration
    assert report.uncalibrated.ece == pytest.approx(plain.reliability.ece)
    found = report.predictions.scores >= [0.3, 0.9, 0.4]
    hits = (found & report.predictions.targets.astype(bool)).sum(0)
    assert report.table["recall"].tolist() == pytest.approx((hits / report.predictions.targets.sum(0)).tolist())


def test_what_was_fitted_on_the_evaluated_clips_is_said(make_run, multilabel_data) -> None:
    source = f"test of tones, 9 clips, data {multilabel_data.fingerprint[:12]}"
    tagger = {"calibration": Calibration("temperature", 2.0, fitted_on=source)}
    tagger |= {"thresholds": (0.5, 0.5, 0.5), "thresholds_from": f"best F1 on {source}"}
    run = make_run(multilabel_data, **tagger)
    notes = evaluate(run, resamples=0).notes
    assert any("calibration was fitted on test" in note for note in notes)
    assert any("thresholds were fitted on test" in note for note in notes)
    assert not any("fitted on" in note for note in evaluate(run, split="train", resamples=0).notes)


def test_folds_are_pooled_each_clip_scored_once(make_run, data, tmp_path) -> None:
    runs = [make_run(data, name, validation=name) for name in ("test", "train")]
    report = evaluate(runs[0], split="test", resamples=0), evaluate(runs[1], split="train", resamples=0)
    with pytest.raises(AudiotagError, match=r"folder of its own.*--out"):
        evaluate(runs)
    with pytest.raises(AudiotagError, match=r"scored by .*audiotag compare"):
        evaluate(runs, split="test", out=tmp_path / "both")
    pooled = evaluate([run / "predictions.npz" for run in runs], out=tmp_path / "both", resamples=20)
    both = np.concatenate([one.predictions.scores for one in report])
    np.testing.assert_array_equal(pooled.predictions.scores, both)
    assert pooled.folds["fold"].tolist()[-2:] == ["mean", "standard deviation"] and len(pooled.folds) == 4
    accuracies = [one.summary["accuracy"] for one in report]
    assert pooled.folds["accuracy"].tolist()[2:] == pytest.approx([np.mean(accuracies), np.std(accuracies, ddof=1)])
    assert pooled.summary["accuracy"] == pytest.approx((9 * accuracies[0] + 3 * accuracies[1]) / 12)


def test_a_table_of_scores_gets_the_same_report(make_run, data, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = evaluate(make_run(data), resamples=50)
    with (tmp_path / "theirs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip_id", "high", "low", "middle"])
        order = np.random.default_rng(0).permutation(len(report.predictions.clip_ids))
        for row in order:
            low, middle, high = report.predictions.scores[row]
            writer.writerow([report.predictions.clip_ids[row], high, low, middle])
    theirs = evaluate("theirs.csv", data=data, split="test", resamples=50)
    assert theirs.out == Path("evaluation-theirs") and {path.name for path in theirs.out.iterdir()} == WRITTEN
    pandas.testing.assert_frame_equal(theirs.table, report.table)
    assert theirs.noise is None and any("noise" in note for note in theirs.notes)


def test_what_cannot_be_evaluated_is_one_clear_error(make_run, data, tmp_path) -> None:
    with pytest.raises(AudiotagError, match="named"):
        evaluate("nobody", data=data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudiotagError, match=r"holds tagger\.keras or student\.keras"):
        evaluate(tmp_path / "empty")
    run = make_run(data)
    for content, message in (
        ("not toml", "not valid TOML"),
        ('data = "/no/data"\ndata_relative = "../gone"\n', r"is not there \(looked at /no/data, .*gone\)"),
    ):
        (run / "recipe.toml").write_text(content, encoding="utf-8")
        with pytest.raises(AudiotagError, match=message):
            evaluate(run)
    (run / "recipe.toml").unlink()
    with pytest.raises(AudiotagError, match=r"no recipe\.toml: name the data set"):
        evaluate(run)
    with pytest.raises(AudiotagError, match="by recording or by clip, received 'day'"):
        evaluate(run, data=data, unit="day")
    assert {path.name for path in run.iterdir()} == {"student.keras"}
