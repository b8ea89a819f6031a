"""Sound events: against hand-made cases, loops over every threshold, and sed_eval."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from audiotag import AudiotagError, models, records, scorers
from audiotag.clip_format import ClipFormat
from audiotag.evaluation import event_scores
from audiotag.evaluation.evaluated import Evaluation, Scored
from audiotag.evaluation.event_scores import judge
from audiotag.evaluation.sections.sound_events import compare, measure, note, section
from audiotag.evaluation.step_scores import frame_scores
from audiotag.labels import Labels
from audiotag.records.strong_labels import strong_labels
from audiotag.tagging.events import THRESHOLD, FrameScores

NAMES = ("dog", r"a\b", "macro_average")
LABELS = Labels(NAMES)
STEP = 0.02

Truth = dict[str, tuple[tuple[float, float, int], ...]]


def steps(scores: np.ndarray, seconds: float) -> FrameScores:
    bounds = np.linspace(0.0, seconds, len(scores) + 1)
    return FrameScores(bounds[:-1], bounds[1:], scores)


def perfect(truth: Truth, seconds: float, onset: float = 0.0, offset: float = 0.0) -> dict[str, FrameScores]:
    """0.9 within the events and 0.1 elsewhere, all onsets and offsets later than they are by so much."""
    middles = np.arange(0.5 * STEP, seconds, STEP)
    found = {}
    for clip_id, rows in truth.items():
        scores = np.full((len(middles), len(NAMES)), 0.1)
        for begin, end, index in rows:
            scores[(middles > begin + onset) & (middles < end + offset), index] = 0.9
        found[clip_id] = steps(scores, seconds)
    return found


def random_case(seed: int, clips: int = 12, seconds: float = 4.0) -> tuple[Truth, dict[str, FrameScores]]:
    """Events on a grid of a tenth of a second, a third of the clips without any; scores that know a little of them."""
    random = np.random.default_rng(seed)
    truth, scores = {}, {}
    for clip in range(clips):
        rows = []
        for index in range(len(NAMES)) if clip % 3 else ():
            bounds = np.sort(random.choice(int(seconds * 10), 4, replace=False)) / 10
            rows += [(bounds[0], bounds[1], index), (bounds[2], bounds[3], index)][: random.integers(0, 3)]
        truth[f"clip {clip}"] = tuple(rows)
        known = perfect({"": tuple(rows)}, seconds)[""].scores[::10]
        scores[f"clip {clip}"] = steps(np.round(random.random(known.shape) * 0.7 + known * 0.4, 2).clip(0, 1), seconds)
    return truth, scores


TRUTH: Truth = {
    "one": ((0.5, 1.5, 0), (2.0, 4.0, 0), (3.0, 3.6, 1)),
    "two": ((0.0, 5.0, 2), (4.2, 5.0, 1)),
    "silent": (),
}


def test_a_perfect_detector_has_one_everywhere(package) -> None:
    found = judge(TRUTH, perfect(TRUTH, 5.0), LABELS)
    assert found.classes["class"].tolist() == list(NAMES)
    assert found.classes["events"].tolist() == [2, 2, 1]
    assert (found.classes.drop(columns=["class", "events"]) == 1.0).all(axis=None)
    assert set(found.means) == {
        "macro_segment_F1", "micro_segment_F1", "macro_event_F1", "micro_event_F1", "PSDS1", "PSDS2",
    }  # fmt: skip
    assert set(found.means.values()) == {1.0}
    assert (found.clips, found.weakly_labelled, found.without_events) == (3, 0, ())


@pytest.mark.parametrize(
    ("onset", "offset", "collar", "hits"),
    [
        (0.2, 0.2, 0.2, 5),  # within both collars
        (0.22, 0.0, 0.2, 0),  # onsets too late
        (0.22, 0.0, 0.3, 5),
        (0.0, -0.3, 0.2, 2),  # a fifth of 2 s is 0.4 s, of 5 s is 1 s; others end too early by 0.1 s
        (0.0, -0.5, 0.2, 1),  # 0.5 s is more than a fifth of 2 s
    ],
)
def test_the_collar_decides_which_shifted_events_count(package, monkeypatch, onset, offset, collar, hits) -> None:
    monkeypatch.setattr(event_scores, "COLLAR", collar)
    found = judge(TRUTH, perfect(TRUTH, 5.0, onset, offset), LABELS)
    # Offsets that move later than the clip's end stay there, so five events are found whatever happens.
    assert found.means["micro_event_F1"] == pytest.approx(2 * hits / (5 + 5))


def test_dtc_and_gtc_decide_what_psds_counts(package) -> None:
    truth: Truth = {"one": ((1.0, 2.0, 0),), "two": ((1.0, 2.0, 0),)}
    early = perfect(truth, 5.0, onset=0.0, offset=-0.4)  # 0.6 of each event is found: less than GTC 0.7, more than 0.1
    found = judge(truth, early, LABELS).means
    assert (found["PSDS1"], found["PSDS2"]) == (0.0, 1.0)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("segment", [1.0, 0.3])
def test_segment_based_f1_is_that_of_a_loop(package, monkeypatch, seed, segment) -> None:
    monkeypatch.setattr(event_scores, "THRESHOLD", 0.6)
    monkeypatch.setattr(event_scores, "SEGMENT", segment)
    truth, scores = random_case(seed)
    found = judge(truth, scores, LABELS)
    counts = np.zeros((len(NAMES), 3), int)
    for clip_id, rows in truth.items():
        frames = scores[clip_id]
        for number in range(math.ceil(4.0 / segment - 1e-9)):
            begin, end = round(number * segment, 6), round((number + 1) * segment, 6)
            heard = (np.round(frames.starts, 6) < end) & (np.round(frames.ends, 6) > begin)
            for index in range(len(NAMES)):
                wanted = any(row[2] == index and row[0] < end and row[1] > begin for row in rows)
                alarm = bool((frames.scores[heard, index] >= 0.6).any())
                counts[index] += [wanted and alarm, alarm and not wanted, wanted]
    hits, false_alarms, wanted = counts.T
    np.testing.assert_allclose(found.classes["segment_F1"], 2 * hits / (hits + false_alarms + wanted), rtol=1e-12)
    np.testing.assert_allclose(found.classes["segment_precision"], hits / (hits + false_alarms), rtol=1e-12)
    np.testing.assert_allclose(found.classes["segment_recall"], hits / wanted, rtol=1e-12)
    assert found.means["macro_segment_F1"] == pytest.approx(found.classes["segment_F1"].mean(), rel=1e-12)
    hits, false_alarms, wanted = counts.sum(axis=0)
    assert found.means["micro_segment_F1"] == pytest.approx(2 * hits / (hits + false_alarms + wanted), rel=1e-12)


def runs(frames: FrameScores, index: int, threshold: float) -> list[tuple[float, float]]:
    """Beginning and end of every run of steps that reach a threshold."""
    found: list[tuple[float, float]] = []
    for begin, end, score in zip(frames.starts, frames.ends, frames.scores[:, index], strict=True):
        if score >= threshold:
            joined = bool(found) and abs(found[-1][1] - begin) < 1e-9
            found.append((found.pop()[0] if joined else float(begin), float(end)))
    return found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_event_based_f1_is_that_of_sed_eval(package, monkeypatch, seed, threshold) -> None:
    import sed_eval

    monkeypatch.setattr(event_scores, "THRESHOLD", threshold)
    monkeypatch.setattr(event_scores, "COLLAR", 0.25)
    truth, scores = random_case(seed)
    found = judge(truth, scores, LABELS)
    theirs = sed_eval.sound_event.EventBasedMetrics(list(NAMES), t_collar=0.25, percentage_of_length=0.2)
    for clip_id, rows in truth.items():
        heard = [(*run, index) for index in range(len(NAMES)) for run in runs(scores[clip_id], index, threshold)]
        given = (
            [{"filename": clip_id, "event_label": NAMES[k], "onset": on, "offset": off} for on, off, k in events]
            for events in (rows, heard)
        )
        theirs.evaluate(*given)
    for row in found.classes.itertuples():
        wanted = theirs.results_class_wise_metrics()[row[1]]["f_measure"]
        assert row.event_F1 == pytest.approx(np.nan_to_num(wanted["f_measure"]), rel=1e-9)
        assert row.event_recall == pytest.approx(np.nan_to_num(wanted["recall"]), rel=1e-9)
        assert row.event_precision == pytest.approx(np.nan_to_num(wanted["precision"]), rel=1e-9)
    assert found.means["micro_event_F1"] == pytest.approx(
        theirs.results_overall_metrics()["f_measure"]["f_measure"], rel=1e-9
    )
    assert 0.0 < found.means["micro_event_F1"] < 1.0


def shared(events: list[tuple[float, float]], begin: float, end: float) -> float:
    return round(sum(max(min(end, until) - max(begin, since), 0.0) for since, until in events), 6)


def operating_point(
    truth: Truth, scores: dict[str, FrameScores], index: int, threshold: float, dtc: float, gtc: float, cttc: float
) -> tuple[float, float, float]:
    """Share of a class's events found, false alarms an hour, cross triggers an hour of another class's events."""
    hits = wanted = false_alarms = 0
    confused, length = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    for clip_id, rows in truth.items():
        events = [[row[:2] for row in rows if row[2] == other] for other in range(len(NAMES))]
        heard = runs(scores[clip_id], index, threshold)
        good = [run for run in heard if shared(events[index], *run) >= round(dtc * (run[1] - run[0]), 6)]
        bad = [run for run in heard if run not in good]
        hits += sum(shared(good, *event) >= round(gtc * (event[1] - event[0]), 6) for event in events[index])
        wanted, false_alarms = wanted + len(events[index]), false_alarms + len(bad)
        for other, theirs in enumerate(events):
            length[other] += sum(event[1] - event[0] for event in theirs)
            confused[other] += sum(shared(theirs, *run) >= round(cttc * (run[1] - run[0]), 6) for run in bad if theirs)
    others = [other for other in range(len(NAMES)) if other != index]
    hours = 4.0 * len(truth) / 3600
    return hits / wanted, false_alarms / hours, float(np.mean(confused[others] / length[others])) * 3600


@pytest.mark.parametrize("seed", [0, 1])
def test_psds_is_that_of_a_loop_over_every_threshold(package, seed, monkeypatch) -> None:
    for criteria in event_scores.PSDS.values():  # of 48 s of sound hardly any threshold gives 100 an hour
        monkeypatch.setitem(criteria, "max_efpr", 3000.0)
    truth, scores = random_case(seed, clips=8)
    found = judge(truth, scores, LABELS)
    thresholds = np.unique(np.concatenate([frames.scores.ravel() for frames in scores.values()]))
    grid = np.linspace(0.0, 3000.0, 300_001)
    for name, dtc, cttc, alpha in (("PSDS1", 0.7, 0.3, 0.0), ("PSDS2", 0.1, 0.3, 0.5)):
        curves = []
        for index in range(len(NAMES)):
            points = [operating_point(truth, scores, index, one, dtc, dtc, cttc) for one in thresholds]
            effective = np.array([rate + alpha * cross for _, rate, cross in points])
            order = np.argsort(effective, kind="stable")
            best = np.maximum.accumulate(np.array([share for share, *_ in points])[order])
            place = np.searchsorted(effective[order], grid, side="right")
            curves.append(np.concatenate([[0.0], best])[place])
            assert found.classes[name][index] == pytest.approx(curves[-1].mean(), abs=2e-4)
        combined = np.maximum(np.mean(curves, axis=0) - np.std(curves, axis=0), 0.0)
        assert found.means[name] == pytest.approx(combined.mean(), abs=2e-4)
        assert 0.0 < found.means[name] < 1.0


def test_false_alarms_in_silence_cost(package) -> None:
    scores = perfect(TRUTH, 5.0)
    loud = scores | {"silent": perfect({"silent": ((1.0, 2.0, 0),)}, 5.0)["silent"]}
    found = judge(TRUTH, loud, LABELS).classes
    assert found["event_precision"].tolist() == [pytest.approx(2 / 3), 1.0, 1.0]
    assert found["segment_precision"][0] == pytest.approx(4 / 5)
    assert found["PSDS1"].tolist() == [0.0, 1.0, 1.0]  # one in 15 s is 240 an hour


def test_events_that_overlap_or_touch_are_one_and_end_with_the_clip(package) -> None:
    rows = ((1.0, 2.0, 0), (1.5, 1.8, 0), (2.0, 3.0, 0), (4.0, 9.0, 1), (6.0, 7.0, 1), (-1.0, 0.5, 2), (1.0, 2.0, 2))
    whole: Truth = {"one": ((1.0, 3.0, 0), (4.0, 5.0, 1), (0.0, 0.5, 2), (1.0, 2.0, 2))}
    found = judge({"one": rows}, perfect(whole, 5.0), LABELS)
    assert found.classes["events"].tolist() == [1, 1, 2]
    assert set(found.means.values()) == {1.0}


def test_a_class_without_events_is_named_and_nan(package) -> None:
    truth: Truth = {"one": ((0.5, 1.5, 0),), "two": ()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = judge(truth, perfect(truth, 5.0), LABELS)
    assert found.without_events == NAMES[1:]
    assert found.classes["events"].tolist() == [1, 0, 0]
    assert found.classes.drop(columns=["class", "events"]).iloc[1:].isna().all(axis=None)
    assert set(found.means.values()) == {1.0}


@pytest.mark.parametrize(("threshold", "reached"), [(0.9, 1.0), (0.91, 0.0)])
def test_a_step_that_just_reaches_the_threshold_counts(package, monkeypatch, threshold, reached) -> None:
    monkeypatch.setattr(event_scores, "THRESHOLD", threshold)
    assert judge(TRUTH, perfect(TRUTH, 5.0), LABELS).means["micro_event_F1"] == reached


def test_parameters_say_what_was_counted(package, monkeypatch) -> None:
    monkeypatch.setattr(event_scores, "THRESHOLD", 0.4)
    monkeypatch.setattr(event_scores, "SEGMENT", 0.5)
    found = judge(TRUTH, perfect(TRUTH, 5.0), LABELS).parameters
    assert found["step of time"] == "0.02 s"
    assert found["threshold of both F1"] == "0.4"
    assert found["segment"] == "0.5 s"
    assert found["onset collar"] == "0.2 s"
    assert "20%" in found["offset collar"]
    assert found["PSDS1"].startswith("DTC 0.7, GTC 0.7, alpha_CT 0")
    assert "CTTC 0.3, alpha_CT 0.5" in found["PSDS2"]


def test_clips_without_any_event_are_refused(package) -> None:
    with pytest.raises(AudiotagError, match="no clip has an event"):
        judge({"one": ()}, perfect({"one": ()}, 5.0), LABELS)


def test_the_section_shows_means_classes_and_how_it_was_measured(package) -> None:
    result = judge(TRUTH, perfect(TRUTH, 5.0), LABELS)
    shown = section(replace(result, weakly_labelled=2))
    assert shown.conclusions[0].startswith("onsets and offsets: macro segment F1 1.000, micro segment F1 1.000")
    assert shown.scalars == result.means and len(shown.tables[0].rows) == 3
    assert shown.facts["clips"] == "3" and shown.facts["clips left out, whose events have no times"] == "2"
    assert shown.facts["onset collar"] == "0.2 s"


def test_a_network_is_measured_on_the_clips_whose_events_are_known(package, strong_data, listener) -> None:
    found = compare(listener, strong_data, "test", batch_size=5)
    weak = ("clip14", "clip15", "clip16")
    truth = {clip_id: rows for clip_id, rows in strong_labels(strong_data, "test").items() if clip_id not in weak}
    assert (found.clips, found.weakly_labelled) == (14, 3)
    kernel, bias = listener.get_layer("frame_logits").get_weights()
    bounds = np.concatenate([[0.0], np.arange(39) * 0.05 + 0.025, [2.0]])
    scores = {}
    for log_mel, _, keys, _ in strong_data.read("test", variants=0, batch_size=1, keys=True):
        logits = log_mel.numpy()[0, :40, :, 0] @ kernel + bias
        own = FrameScores(bounds[:-1], bounds[1:], 1 / (1 + np.exp(-logits.astype(float))))
        scores[keys.numpy()[0].decode()] = own
    theirs = frame_scores(listener, strong_data, "test", batch_size=5)
    assert list(theirs) == list(scores)
    for clip_id, own in scores.items():
        np.testing.assert_allclose(theirs[clip_id].scores, own.scores, atol=1e-5)
        np.testing.assert_allclose(theirs[clip_id].starts, own.starts, atol=1e-12)
        np.testing.assert_allclose(theirs[clip_id].ends, own.ends, atol=1e-12)
    wanted = judge(truth, {clip_id: theirs[clip_id] for clip_id in truth}, strong_data.labels)
    assert found.means == wanted.means
    assert found.parameters["threshold of both F1"] == f"{THRESHOLD:g}"
    assert found.parameters["step of time"] == "0.05 s"
    assert note(listener, strong_data, "test") == ""


def test_it_is_said_where_times_are_those_of_slowed_recordings(package, strong_data, listener) -> None:
    slow = records.open(strong_data.path)
    slow.clip_format = replace(slow.clip_format, speed=0.1)
    usual, played = compare(listener, strong_data, "test"), compare(listener, slow, "test")
    assert played.means == usual.means
    assert played.parameters == usual.parameters | {"times": "of the sound that is heard, played at speed 0.1"}


def evaluated(network: Any, data: records.Data, split: str, folder: Path) -> Evaluation:
    """A saved model, about to be measured on a split."""
    card = models.ModelCard(network.name, ClipFormat(data.labels, data.front_end, data.task, data.seconds))
    models.save(network, folder / "model.keras", card)
    scored = Scored(SimpleNamespace(subject=scorers.open(folder / "model.keras", data)), data, split, None)
    return Evaluation((scored,), None, None, None, None, {}, "none")


def test_a_model_has_the_section_where_its_split_has_strong_labels(package, strong_data, listener, tmp_path) -> None:
    section = measure(evaluated(listener, strong_data, "test", tmp_path))
    assert section.scalars == compare(listener, strong_data, "test").means
    assert section.facts["clips left out, whose events have no times"] == "3" and not section.notes
    assert measure(evaluated(listener, strong_data, "validation", tmp_path)) is None


def test_a_split_without_strong_labels_is_not_measured_and_needs_no_note(strong_data, listener) -> None:
    assert compare(listener, strong_data, "validation") is None
    assert note(listener, strong_data, "validation") == ""


def test_a_network_that_keeps_no_time_is_not_measured_and_says_so(strong_data, tmp_path) -> None:
    import keras

    inputs = keras.Input((None, 16, 1))
    network = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(inputs)), name="deaf")
    section = measure(evaluated(network, strong_data, "test", tmp_path))
    assert not section.is_shown and section.values == {"sound_events": None}
    assert "need a network that keeps time, received deaf" in section.notes[0]


def test_without_the_package_the_note_says_what_to_install(strong_data, listener, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sed_scores_eval", None)
    assert "pip install 'audiotag[sed]'" in note(listener, strong_data, "test")


def test_the_package_is_imported_in_quiet_and_leaves_no_stand_in(package) -> None:
    held = sys.modules.get("pkg_resources")
    assert held is None or hasattr(held, "require")


def test_scores_that_are_not_finite_are_refused_naming_the_clip(strong_data, listener) -> None:
    layer = listener.get_layer("frame_logits")
    layer.set_weights([np.full((16, 3), np.nan), np.zeros(3)])
    with pytest.raises(AudiotagError, match=r"finite.*'clip\d+'"):
        frame_scores(listener, strong_data, "test")
