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
from sklearn.metrics import recall_score

from audiotag import AudiotagError, metrics, models, scorers
from audiotag.clip_format import ClipFormat
from audiotag.evaluation import evaluate
from audiotag.evaluation.evaluated import Scored, fitted_on_these
from audiotag.evaluation.sections import SECTIONS
from audiotag.metrics import per_class
from audiotag.metrics.reliability import reliability
from audiotag.report import Report
from audiotag.tagging import AudioTagger
from audiotag.tagging.calibration import Calibration

pytestmark = pytest.mark.usefixtures("eager", "blank_pictures")

WRITTEN = {"report.html", "metrics.csv", "metrics.json", "predictions.npz", "model_card.md", "evaluation"}


def write_run(run: Path, network: keras.Model, data, validation: str = "train", **tagger) -> Path:
    """A run folder of a network, with a tagger where it is to have thresholds or a calibration."""
    card = models.ModelCard(
        "small", ClipFormat(data.labels, data.front_end, data.task, data.seconds), data_set=data.name
    )
    models.save(network, run / "student.keras", card)
    recipe = f'data = "{data.path}"\nvalidation = "{validation}"\nmodel = "small"\nepochs = 3\n'
    (run / "recipe.toml").write_text(recipe, encoding="utf-8")
    if tagger:
        AudioTagger(network, data.labels, data.front_end, data.task, data.seconds, **tagger).save(run / "tagger.keras")
    return run


@pytest.fixture
def make_run(network, tmp_path):
    return lambda data, name="a run", **options: write_run(tmp_path / name, network(), data, **options)


@pytest.fixture(scope="module")
def report(network, data, tmp_path_factory) -> Report:
    """A run's report, made twice as a user would."""
    run = write_run(tmp_path_factory.mktemp("shared") / "a run", network(), data)
    return [evaluate(run, resamples=20) for _ in range(2)][-1]


def test_a_run_gets_every_file_and_a_second_evaluation_replaces_the_first(report) -> None:
    run = report.out
    assert {path.name for path in run.iterdir()} - {"student.keras", "recipe.toml"} == {*WRITTEN, "hparams"}
    assert (report.split, report.data_set["name"], report.subject.kind) == ("test", "tones", "run")
    kept = metrics.load(run / "predictions.npz")
    expected = per_class.per_class(kept)
    written = pandas.read_csv(run / "metrics.csv", index_col="index")
    assert written.index.tolist() == ["0", "1", "2", "mean", "all"]
    columns = ["AP", "AUC", "F1", "Brier"]
    np.testing.assert_allclose(written.iloc[:3][columns], expected[columns], atol=1e-12)
    assert written.loc["mean", "AP"] == pytest.approx(report.summary["mAP"])
    summary = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["summary"]
    assert summary["accuracy"] == pytest.approx((kept.scores.argmax(1) == kept.targets.argmax(1)).mean())
    for folder in ("evaluation", "hparams"):
        assert len(list((run / folder).glob("events.out.tfevents.*"))) == 1
    assert report.command == f"audiotag evaluate '{run}' --resamples 20"
    assert report.hyperparameters == {"model": "small", "epochs": 3}


def test_every_section_has_its_keys_in_the_file_of_all_figures(report) -> None:
    written = json.loads((report.out / "metrics.json").read_text(encoding="utf-8"))
    assert list(report.sections) == list(SECTIONS)
    for key in ("slices", "folds", "reliability", "uncalibrated", "noise", "sound_events", "mistakes"):
        assert key in written
    assert written["folds"] is written["sound_events"] is written["uncalibrated"] is None
    assert written["mistakes"][0].keys() == {
        "clip_id", "kind", "index", "label", "score", "threshold", "truth", "heard",
    }  # fmt: skip
    assert written["noise"].keys() == {"kinds", "hours", "windows", "counts", "alarmed"}


def test_the_worst_mistakes_can_be_seen_and_heard_where_the_recordings_still_lie(report, data) -> None:
    exhibits = report.sections["mistakes"].exhibits
    assert exhibits
    for exhibit in exhibits:
        assert exhibit.log_mel.shape == (data.frames, data.front_end.mels)
        assert exhibit.waveform.shape == (data.samples,)


def test_sounds_that_are_no_files_are_read_from_their_declaration(make_run, declared, data) -> None:
    silent = dataclasses.replace(declared, read=lambda root, clip, rate: np.full(rate, 0.25, np.float32))
    report = evaluate(make_run(data), recordings=silent, resamples=0)
    assert all((exhibit.waveform == 0.25).all() for exhibit in report.sections["mistakes"].exhibits)
    assert report.command == f"audiotag evaluate '{report.out}' --resamples 0"
    assert report.intervals is None


def test_noise_embeddings_and_the_card_s_facts_are_there(report, network, log_mel_of) -> None:
    alarms = report.sections["noise"].values["noise"]
    assert alarms.windows.sum() == 20 and alarms.counts.shape[1] == 3
    clip_ids = report.predictions.clip_ids[report.embeddings[0]]
    assert sorted(clip_ids) == sorted(report.predictions.clip_ids)
    hidden = keras.Model(network().input, network().get_layer("features").output)
    expected = hidden.predict(log_mel_of(clip_ids), verbose=0)
    np.testing.assert_allclose(report.embeddings[1], expected, atol=1e-5)
    assert report.subject.about["trained on"] == "tones"


def test_thresholds_and_calibration_of_the_tagger_are_used_and_shown(make_run, multilabel_data) -> None:
    plain = scorers.predict(scorers.open(make_run(multilabel_data, "plain")), multilabel_data, "test").predictions
    calibration = Calibration("temperature", 2.0, fitted_on="elsewhere")
    tagger = {"calibration": calibration, "thresholds": (0.3, 0.9, 0.4), "thresholds_from": "best F1 on elsewhere"}
    report = evaluate(make_run(multilabel_data, "tuned", **tagger), resamples=0)
    logits = np.log(plain.scores / (1 - plain.scores))
    np.testing.assert_allclose(report.predictions.scores, 1 / (1 + np.exp(-logits / 2)), atol=1e-6)
    assert report.table["threshold"].tolist() == pytest.approx([0.3, 0.9, 0.4])
    assert report.thresholds_from == "best F1 on elsewhere" and "temperature" in report.calibration
    before = report.sections["reliability"].scalars["ECE_before_calibration"]
    assert before == pytest.approx(reliability(plain).ece)
    predicted = report.predictions.scores >= [0.3, 0.9, 0.4]
    hits = (predicted & report.predictions.targets.astype(bool)).sum(0)
    assert report.table["recall"].tolist() == pytest.approx((hits / report.predictions.targets.sum(0)).tolist())


def test_thresholds_of_exclusive_classes_leave_clips_unanswered(make_run, data) -> None:
    plain = evaluate(make_run(data, "without"), resamples=0)
    assert plain.sections["rejection"] is None
    truth, scores = plain.predictions.targets.argmax(1), plain.predictions.scores
    best, limit = scores.argmax(1), float(np.median(scores.max(1)))
    run = make_run(data, thresholds=(limit,) * 3, thresholds_from="by hand")
    section = evaluate(run, resamples=0).sections["rejection"]
    answered = scores.max(1) >= limit
    assert 0 < answered.sum() < len(truth)
    assert section.scalars["answered"] == pytest.approx(answered.mean())
    assert section.scalars["right_of_all"] == pytest.approx((best == truth).mean())
    assert section.scalars["right_of_answered"] == pytest.approx((best == truth)[answered].mean())
    recall = recall_score(truth, np.where(answered, best, 3), labels=[0, 1, 2], average=None, zero_division=0)
    np.testing.assert_allclose(section.values["rejection"]["classes"]["recall"], recall)
    assert section.conclusions[0].startswith(f"with the thresholds {answered.mean():.0%} of the clips are answered")


def test_the_report_on_clips_that_chose_the_epoch_says_so(make_run, data) -> None:
    run = make_run(data, validation="test")
    with (run / "recipe.toml").open("a", encoding="utf-8") as file:
        file.write(f'monitor = "val_accuracy"\nfingerprint = "{data.fingerprint}"\n')
    [note] = [note for note in evaluate(run, resamples=0).notes if "epoch" in note]
    assert note.startswith("the best epoch was chosen by val_accuracy on test, measured here")
    assert "the best epoch" in (run / "report.html").read_text(encoding="utf-8")
    assert "the best epoch" in (run / "model_card.md").read_text(encoding="utf-8")
    assert not any("epoch" in note for note in evaluate(run, split="train", resamples=0).notes)


def test_another_data_set_is_written_beside_the_run_s_own_report(make_run, data, multilabel_data) -> None:
    run = make_run(data)
    with (run / "recipe.toml").open("a", encoding="utf-8") as file:
        file.write('fingerprint = "another"\n')
    report = evaluate(run, data=data, split="test", resamples=0)
    assert report.out == run / "evaluation-tones" and (report.out / "report.html").is_file()
    assert not (run / "report.html").exists()
    with pytest.raises(AudiotagError, match=r"no split 'test': .*--split"):
        evaluate(run, data=without_test(data))


def without_test(data):
    """The data set as if it had no split named test."""
    import copy

    other = copy.copy(data)
    object.__setattr__(other, "splits", {"validation": 9, "train": 3})
    return other


def test_what_was_fitted_on_the_evaluated_clips_is_noted(make_run, multilabel_data) -> None:
    source = f"test of tones, 9 clips, data {multilabel_data.fingerprint[:12]}"
    tagger = {"calibration": Calibration("temperature", 2.0, fitted_on=source)}
    tagger |= {"thresholds": (0.5, 0.5, 0.5), "thresholds_from": f"best F1 on {source}"}
    scorer = scorers.open(make_run(multilabel_data, **tagger))

    def notes(split: str) -> list[str]:
        predicted = scorers.predict(scorer, multilabel_data, split)
        return fitted_on_these([Scored(predicted, multilabel_data, split, None)])

    assert [note.partition(" fitted on test,")[0] for note in notes("test")] == [
        "the calibration was",
        "the thresholds were",
    ]
    assert notes("train") == []


def test_folds_are_pooled_each_clip_scored_once(make_run, report, data, tmp_path) -> None:
    second = make_run(data)
    other, runs = evaluate(second, split="train", resamples=0), [report.out, second]
    assert other.out == second / "evaluation-train"
    with pytest.raises(AudiotagError, match=r"folder of its own.*--out"):
        evaluate(runs)
    with pytest.raises(AudiotagError, match=r"scored by .*audiotag compare"):
        evaluate(runs, split="test", out=tmp_path / "both")
    pooled = evaluate([each.out / "predictions.npz" for each in (report, other)], out=tmp_path / "both", resamples=20)
    both = np.concatenate([part.predictions.scores for part in (report, other)])
    np.testing.assert_array_equal(pooled.predictions.scores, both)
    folds = pooled.sections["folds"].values["folds"]
    assert folds["fold"].tolist()[-2:] == ["mean", "standard deviation"] and len(folds) == 4
    accuracies = [part.summary["accuracy"] for part in (report, other)]
    assert pooled.sections["folds"].conclusions[0].startswith("2 folds, mean ± standard deviation: mAP ")
    assert not pooled.sections["folds"].tables[0].sortable
    assert folds["accuracy"].tolist()[2:] == pytest.approx([np.mean(accuracies), np.std(accuracies, ddof=1)])
    assert pooled.summary["accuracy"] == pytest.approx((9 * accuracies[0] + 3 * accuracies[1]) / 12)


def test_a_table_of_scores_gets_the_same_report(report, data, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "theirs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip_id", "high", "low", "middle"])
        order = np.random.default_rng(0).permutation(len(report.predictions.clip_ids))
        for row in order:
            low, middle, high = report.predictions.scores[row]
            writer.writerow([report.predictions.clip_ids[row], high, low, middle])
    theirs = evaluate("theirs.csv", data=data, split="test", resamples=20)
    assert theirs.out == Path("evaluation-theirs") and {path.name for path in theirs.out.iterdir()} == WRITTEN
    pandas.testing.assert_frame_equal(theirs.table, report.table)
    assert not theirs.sections["noise"].is_shown and any("noise" in note for note in theirs.notes)
    assert json.loads((theirs.out / "metrics.json").read_text(encoding="utf-8"))["noise"] is None


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
    with pytest.raises(AudiotagError, match=r"recipe\.toml is not there \(looked at nowhere\): name the data set"):
        evaluate(run)
    with pytest.raises(AudiotagError, match="by recording or by clip, received 'day'"):
        evaluate(run, data=data, unit="day")
    assert {path.name for path in run.iterdir()} == {"student.keras"}
