"""Thresholds and medians that are chosen: against all of them tried, and `calibrate` on a tagger's file."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from audiotag import evaluation, models, tagging
from audiotag.evaluation import event_scores, event_tuning
from audiotag.evaluation.step_scores import frame_scores, judged
from audiotag.tagging.event_decoding import EventDecoding, smoothed
from audiotag.tagging.events import THRESHOLD


def event_F1(package, truth, scores, threshold):
    """Of each of the three classes, by the package alone: `judge` measures much besides."""
    seconds = {clip_id: steps.ends[-1] for clip_id, steps in scores.items()}
    compared = event_scores.tables(scores, [0, 1, 2]), event_scores.found_in(truth, seconds, 3)[1]
    limit = float(np.nextafter(threshold, -1))  # the package finds what is above
    *_, counts = package.collar_based.fscore(*compared, limit, **event_scores.collars_of_events())
    each = [counts[str(index)] for index in range(3)]
    return np.array([2 * c["tps"] / (c["n_ref"] + c["tps"] + c["fps"]) for c in each])


def test_no_other_threshold_or_median_gives_more(package, strong_data, listener, monkeypatch):
    monkeypatch.setattr(event_tuning, "FEWEST", 4)
    monkeypatch.setattr(event_tuning, "SIZES", (1, 3, 7))
    tuned = event_tuning.choose(listener, strong_data, "test", "test of noise")
    truth = judged(strong_data, "test")
    found = frame_scores(listener, strong_data, "test")
    scores = {clip_id: found[clip_id] for clip_id in truth}
    step = event_scores.step_of(scores)
    best = np.zeros(3)
    for size in (1, 3, 7):
        medians = {
            clip_id: replace(steps, scores=smoothed(steps.scores, size * step, step))
            for clip_id, steps in scores.items()
        }
        for threshold in np.linspace(0.05, 0.95, 10):
            best = np.maximum(best, event_F1(package, truth, medians, threshold))
    assert (best - 1e-9 <= tuned.F1).all() and (tuned.usual_F1 <= tuned.F1).all()
    again = event_scores.judge(truth, scores, strong_data.labels, tuned.decoding)
    np.testing.assert_allclose(again.classes["event_F1"], tuned.F1, atol=1e-9)
    assert again.parameters["both were chosen on"] == "test of noise"


def test_a_class_of_few_events_keeps_the_usual_threshold_and_is_named(package, strong_data, listener, monkeypatch):
    monkeypatch.setattr(event_tuning, "FEWEST", 100)
    tuned = event_tuning.choose(listener, strong_data, "test")
    assert tuned.undecided == (0, 1, 2)
    assert tuned.decoding == EventDecoding((THRESHOLD,) * 3, (0.0,) * 3)
    np.testing.assert_array_equal(tuned.F1, tuned.usual_F1)


@pytest.fixture
def tagger(strong_data, listener, tmp_path):
    models.save(tagging.AudioTagger(listener, **vars(strong_data.clip_format)), tmp_path / "tagger.keras")
    return tmp_path / "tagger.keras"


def test_calibrate_writes_it_into_the_tagger_and_none_removes_it(package, strong_data, tagger, monkeypatch):
    monkeypatch.setattr("audiotag.evaluation.tuning.HELD_OUT", ())
    tuned = evaluation.calibrate(tagger, data=strong_data, split="test")
    kept = keras.saving.load_model(tagger).step_decoding
    assert kept == tuned.steps.decoding and kept.fitted_on.startswith("test of noise, 17 clips, data ")
    # Clips without strong labels choose nothing and take nothing away.
    assert evaluation.calibrate(tagger, data=strong_data, split="validation").steps is None
    assert keras.saving.load_model(tagger).step_decoding == kept
    report = evaluation.evaluate(tagger, data=strong_data, split="test", out=tagger.parent / "report", resamples=0)
    text = (report.out / "report.html").read_text(encoding="utf-8")
    assert "chosen on test, measured here" in text
    evaluation.calibrate(tagger, "none")
    assert keras.saving.load_model(tagger).step_decoding is None
