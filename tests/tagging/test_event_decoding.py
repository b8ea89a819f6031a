"""Thresholds and medians of each class: the median against a loop, what a tagger keeps, what `events` takes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import AudiotagError, models
from audiotag.tagging import AudioTagger, events
from audiotag.tagging.event_decoding import EventDecoding, smoothed, sounding
from audiotag.tagging.events import FrameScores


def test_each_class_has_the_running_median_of_its_own_length():
    scores = np.random.default_rng(0).random((40, 4)).astype(np.float32)
    found = smoothed(scores, (0.0, 0.1, 0.15, 0.29), 0.05)  # none, 1 step, 3 steps, 5 steps as the nearest odd number
    for index, size in enumerate((1, 1, 3, 5)):
        padded = np.pad(scores[:, index], size // 2, mode="edge")
        wanted = [np.median(padded[step : step + size]) for step in range(40)]
        np.testing.assert_array_equal(found[:, index], wanted)
    np.testing.assert_array_equal(smoothed(scores, 0.15, 0.05)[:, 2], found[:, 2])


@pytest.mark.parametrize(
    ("thresholds", "smooth", "message"),
    [
        ((0.5,), (0.1, 0.2), "received 1 and 2"),
        ((), (), "received 0 and 0"),
        ((1.5,), (0.0,), "received 1.5 and 0.0"),
        ((0.5,), (-1.0,), "received 0.5 and -1.0"),
        ((float("nan"),), (0.0,), "received nan"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_line(thresholds, smooth, message):
    with pytest.raises(AudiotagError, match=message) as raised:
        EventDecoding(thresholds, smooth)
    assert "\n" not in str(raised.value)


def listener(labels, decoding):
    inputs = keras.Input((None, 64, 1))
    logits = keras.layers.Dense(2, name="frame_logits")(keras.layers.Reshape((-1, 64))(inputs))
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(logits))
    return AudioTagger(network, labels, "yamnet", step_decoding=decoding)


def test_a_tagger_keeps_its_decoding_and_events_take_it_unless_others_are_asked_for(tmp_path, monkeypatch):
    from audiotag.labels import Labels

    labels = Labels(("bark", "hum"))
    models.save(listener(labels, EventDecoding((0.6, 0.2), (0.0, 0.3), "validation of x")), tmp_path / "tagger.keras")
    tagger = keras.saving.load_model(tmp_path / "tagger.keras")
    assert tagger.step_decoding == EventDecoding((0.6, 0.2), (0.0, 0.3), "validation of x")
    older = tagger.get_config()
    older["event_decoding"] = older.pop("step_decoding")
    assert AudioTagger.from_config(older).step_decoding == tagger.step_decoding
    # Steps of 10 ms. Of "bark" one reaches 0.6; "hum" is torn apart by steps that a median of 0.3 s does not see.
    scores = np.zeros((400, 2), np.float32)
    scores[10:20, 0], scores[50:60, 0] = 0.7, 0.5
    scores[100:300, 1] = 0.25
    scores[150:155, 1] = 0.0
    bounds = np.linspace(0, 4, 401)
    monkeypatch.setattr(events, "frame_scores", lambda *_, **__: FrameScores(bounds[:-1], bounds[1:], scores))
    waveform = np.zeros(64000, np.float32)
    found = [(tag.label, round(tag.start, 2), round(tag.end, 2)) for tag in tagger.events(waveform)]
    assert found == [("bark", 0.1, 0.2), ("hum", 1.0, 3.0)]
    asked = [(tag.label, round(tag.start, 2)) for tag in tagger.events(waveform, threshold=0.25, smooth=0.0)]
    assert asked == [("bark", 0.1), ("bark", 0.5), ("hum", 1.0), ("hum", 1.55)]
    assert len(tagger.events(waveform, threshold=0.25)) == 3  # the median is still its own


def test_a_decoding_of_other_classes_is_refused():
    from audiotag.labels import Labels

    with pytest.raises(AudiotagError, match="must be for 2 classes, received one for 1"):
        listener(Labels(("bark", "hum")), EventDecoding((0.5,), (0.0,)))


@given(st.lists(st.integers(0, 10), min_size=1, max_size=40), st.integers(0, 10), st.integers(0, 10), st.booleans())
def test_a_sound_begins_at_one_score_and_ends_below_a_lower(course, one, other, before):
    begins, ends = max(one, other), min(one, other)
    expected, lasts = [], before
    for score in course:
        lasts = score >= (ends if lasts else begins)
        expected.append(lasts)
    scores = np.array(course)
    assert sounding(scores, np.array(begins), np.array(ends), before).tolist() == expected
    both = np.stack([scores, 10 - scores], axis=1)
    every = sounding(both, np.array([begins, 4]), np.array([ends, 4]), np.array([before, False]))
    assert every.tolist() == [list(pair) for pair in zip(expected, (10 - scores >= 4).tolist(), strict=True)]
