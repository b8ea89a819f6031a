"""Events: steps of many windows on one grid, when sounds begin and end, and lengths that a network cannot take."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import audiotag
from audiotag import audio, models
from audiotag.errors import AudioError, AudiotagError
from audiotag.models import heads
from audiotag.tagging import AudioTagger, Tag, events, tag_files

RATE = 8000
STEP = 4 * 80  # samples of a step of the loudness network


@pytest.fixture(scope="module")
def loudness(labels, front_end) -> AudioTagger:
    """A tagger whose steps of 40 ms score the loudness of the low, the middle and the high bands."""
    log_mel = keras.Input((None, 16, 1), name="log_mel")
    x = keras.layers.AveragePooling2D((4, 5))(log_mel)
    x = keras.layers.Reshape((-1, 3))(x)
    x = keras.layers.Dense(3, kernel_initializer=keras.initializers.Identity(30.0), name="frame_logits")(x)
    network = keras.Model(log_mel, heads.pool(x + 15.0, "max"), name="loudness")
    return AudioTagger(network, labels, front_end, seconds=1.0)


def sound(seconds: float, *bursts: tuple[float, float, float]) -> np.ndarray:
    """Faint noise with sines: (Hz, start, end)."""
    time = np.arange(round(seconds * RATE)) / RATE
    waveform = 1e-4 * np.random.default_rng(0).standard_normal(len(time))
    for pitch, start, end in bursts:
        waveform += 0.5 * np.sin(2 * np.pi * pitch * time) * ((time >= start) & (time < end))
    return waveform.astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    starts=st.lists(st.integers(0, 60), min_size=1, max_size=5, unique=True),
    steps=st.integers(1, 6),
    distance=st.integers(1, 9),
)
def test_stitched_scores_are_the_mean_over_every_sample_that_a_window_covers(starts, steps, distance):
    rng = np.random.default_rng(steps)
    scores = [rng.random((steps, 2)).astype(np.float32) for _ in starts]
    stitched = events.stitch(starts, scores, distance)
    length = -(-max(starts) // distance) + steps
    assert stitched.shape == (length, 2)
    sums, counts = np.zeros((length * distance, 2)), np.zeros((length * distance, 1))
    for start, rows in zip(starts, scores, strict=True):
        for sample in range(steps * distance):
            sums[start + sample] += rows[sample // distance]
            counts[start + sample] += 1
    sums, counts = (values.reshape(length, distance, -1).sum(1) for values in (sums, counts))
    np.testing.assert_allclose(stitched, sums / np.maximum(counts, 1), atol=1e-5)


def test_sounds_are_found_where_they_are_across_all_windows_of_a_recording(loudness, tmp_path):
    waveform = sound(7.3, (300, 0.0, 0.5), (300, 1.9, 3.2), (2600, 2.5, 2.9), (300, 6.8, 7.3))
    audio.write(tmp_path / "street.wav", waveform, RATE)
    for source in (waveform, tmp_path / "street.wav"):
        found = loudness.events(source)
        assert [tag.label for tag in found] == ["Dog", "Dog", 'a "quoted" 🐕', "Dog"]
        for tag, (start, end) in zip(found, [(0.0, 0.5), (1.9, 3.2), (2.5, 2.9), (6.8, 7.3)], strict=True):
            assert (tag.start, tag.end) == pytest.approx((start, end), abs=0.05)
            assert 0.9 < tag.score <= 1
    assert (found[0].start, found[-1].end) == (0.0, 7.3)


def test_events_of_a_slowed_recording_are_in_its_own_time(loudness, tmp_path):
    waveform = sound(7.3, (300, 1.9, 3.2), (2600, 2.5, 2.9))
    soundfile.write(tmp_path / "fast.wav", waveform, 10 * RATE, subtype="FLOAT")
    slow = AudioTagger(loudness.network, loudness.labels, loudness.front_end, seconds=1.0, speed=0.1)
    for tagger, source in (
        (loudness, audio.Recording(tmp_path / "fast.wav", speed=0.1)),
        (slow, tmp_path / "fast.wav"),
    ):
        found = tagger.events(source, min_duration=0.03, gap=0.02)
        expected = loudness.events(waveform, min_duration=0.3, gap=0.2)
        assert [(tag.label, tag.score) for tag in found] == [(tag.label, tag.score) for tag in expected]
        for tag, (start, end) in zip(found, [(0.19, 0.32), (0.25, 0.29)], strict=True):
            assert (tag.start, tag.end) == pytest.approx((start, end), abs=0.005)


def test_scores_of_windows_are_those_of_a_single_pass(loudness, noise):
    signal = 0.01 * noise[: 80 * STEP]
    whole = events.frame_scores(loudness, signal, window=3.2)
    stitched = events.frame_scores(loudness, signal, window=1.0)
    for one, other in ((whole.starts, stitched.starts), (whole.ends, stitched.ends)):
        np.testing.assert_allclose(one, other, atol=1e-9)
    np.testing.assert_allclose(whole.starts[1:], whole.ends[:-1])
    assert (len(whole.starts), whole.starts[0], whole.ends[-1]) == (80, 0.0, 3.2)
    # Frames at the edges of a window see its mirrored signal; the last window begins with step 55.
    inside = [step for step in range(80) if step not in (24, 25, 49, 50, 54, 55, 74)]
    np.testing.assert_allclose(stitched.scores[inside], whole.scores[inside], atol=1e-4)
    assert np.mean((whole.scores > 0.02) & (whole.scores < 0.98)) > 0.1


def test_scores_are_a_sigmoid_or_a_softmax_of_every_step(loudness, labels, front_end, noise):
    from audiotag.frontend import log_mel

    other = AudioTagger(loudness.network, labels, front_end, task="multiclass", seconds=1.0)
    frames = keras.Model(loudness.network.input, loudness.network.get_layer("frame_logits").output)
    logits = np.asarray(frames(log_mel(noise[:RATE], front_end)[None, :, :, None]))[0]
    sigmoid, softmax = 1 / (1 + np.exp(-logits)), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(events.frame_scores(loudness, noise[:RATE]).scores, sigmoid, atol=1e-4)
    np.testing.assert_allclose(events.frame_scores(other, noise[:RATE]).scores, softmax, atol=1e-4)


def test_steps_between_windows_that_lie_apart_score_nothing(loudness):
    waveform = sound(3.0, (300, 0.0, 3.0))
    found = loudness.events(waveform, window=0.5, hop=1.0)
    assert [tag.label for tag in found] == ["Dog"] * 3
    for tag, times in zip(found, ((0.0, 0.5), (1.0, 1.5), (2.0, 3.0)), strict=True):
        assert (tag.start, tag.end) == pytest.approx(times, abs=0.04)


@pytest.mark.parametrize("pad", ["repeat", "zero", "none"])
def test_events_of_a_signal_shorter_than_a_window_end_with_it(loudness, labels, front_end, pad):
    tagger = AudioTagger(loudness.network, labels, front_end, seconds=1.0, pad=pad)
    found = tagger.events(sound(0.37, (300, 0.0, 0.37)))
    assert [(tag.label, tag.start, tag.end) for tag in found] == [("Dog", 0.0, 0.37)]


STEPS = [0.1, 0.9, 0.8, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1, 0.7, 0.7, 0.7]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [(1, 3, 0.9), (5, 6, 0.6), (9, 12, 0.7)]),
        ({"threshold": 0.65}, [(1, 3, 0.9), (9, 12, 0.7)]),
        ({"threshold": 0.0}, [(0, 12, 0.9)]),
        ({"threshold": 0.95}, []),
        ({"end_threshold": 0.1}, [(1, 12, 0.9)]),
        ({"threshold": 0.65, "end_threshold": 0.6}, [(1, 3, 0.9), (9, 12, 0.7)]),
        ({"threshold": 0.55, "end_threshold": 0.1, "smooth": 0.12}, [(1, 12, 0.8)]),
        ({"gap": 0.08}, [(1, 6, 0.9), (9, 12, 0.7)]),
        ({"gap": 0.12}, [(1, 12, 0.9)]),
        ({"min_duration": 0.08}, [(1, 3, 0.9), (9, 12, 0.7)]),
        ({"min_duration": 0.12}, [(9, 12, 0.7)]),
        ({"gap": 0.08, "min_duration": 0.2}, [(1, 6, 0.9)]),
        ({"smooth": 0.12}, [(1, 3, 0.8), (9, 12, 0.7)]),
        ({"smooth": 0.05}, [(1, 3, 0.9), (5, 6, 0.6), (9, 12, 0.7)]),
    ],
)
def test_events_are_runs_of_steps_joined_and_chosen_as_asked(loudness, monkeypatch, options, expected):
    scores = np.zeros((12, 3), np.float32)
    scores[:, 1] = STEPS
    times = np.arange(13) * 0.04
    monkeypatch.setattr(events, "frame_scores", lambda *_, **__: events.FrameScores(times[:-1], times[1:], scores))
    found = [tag for tag in loudness.events(np.zeros(RATE), **{"threshold": 0.5, **options}) if tag.score > 0]
    assert [(tag.label, tag.start, tag.end) for tag in found] == [
        ("rain, heavy", pytest.approx(0.04 * first), pytest.approx(0.04 * last)) for first, last, _ in expected
    ]
    assert [tag.score for tag in found] == pytest.approx([score for *_, score in expected])


def test_top_keeps_the_labels_of_the_best_events(loudness):
    waveform = sound(2.0, (300, 0.2, 0.6), (2600, 0.8, 1.0), (300, 1.4, 1.6))
    every = loudness.events(waveform)
    assert [tag.label for tag in every] == ["Dog", 'a "quoted" 🐕', "Dog"]
    best = max(every, key=lambda tag: tag.score).label
    assert loudness.events(waveform, top=1) == [tag for tag in every if tag.label == best]


def test_events_of_a_group_are_those_of_all_its_labels(loudness, tmp_path):
    waveform = sound(2.0, (300, 0.2, 0.6), (1100, 0.44, 1.0), (300, 1.4, 1.6), (2600, 1.7, 1.9))
    soundfile.write(tmp_path / "sound.wav", waveform, RATE, subtype="FLOAT")
    options = {"frames": True, "top": None, "threshold": 0.5, "groups": {"low": ["Dog", "rain, heavy"]}}
    (result,) = tag_files(loudness, [tmp_path / "sound.wav"], **options)
    spans = {name: [(tag.start, tag.end) for tag in result.tags if tag.label == name] for name in ("low", "Dog")}
    rain = [(tag.start, tag.end) for tag in result.tags if tag.label == "rain, heavy"]
    assert len(spans["Dog"]) == 2 and len(rain) == 1
    assert spans["low"] == [(spans["Dog"][0][0], rain[0][1]), spans["Dog"][1]]
    (only,) = tag_files(loudness, [tmp_path / "sound.wav"], only=["low"], **options)
    assert list(only.tags) == [tag for tag in result.tags if tag.label == "low"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold must be a score from 0 to 1, received 1.5"),
        ({"end_threshold": 0.3}, "ends below the score with which it begins, which is 0.25 at most"),
        ({"threshold": 0.5, "end_threshold": -0.1}, "end_threshold must be a score from 0 to 1, received -0.1"),
        ({"smooth": -1.0}, "smooth must be seconds, 0 or more, received -1.0"),
        ({"gap": float("nan")}, "gap must be seconds"),
        ({"min_duration": float("inf")}, "min_duration must be seconds"),
        ({"top": 0}, "top must be at least 1"),
        ({"window": 0.001}, "samples .* are needed"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(loudness, options, message):
    with pytest.raises(AudiotagError, match=message) as caught:
        loudness.events(np.zeros(RATE), **options)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def passt(labels, front_end) -> AudioTagger:
    network = models.build("passt", classes=3, mels=16, frames=96, width=16, depth=1, heads=2)
    return AudioTagger(network, labels, front_end, seconds=0.9, pad="none")


def test_a_window_longer_than_the_time_grid_is_refused_however_many_lengths_came_before(passt, noise):
    # After two lengths Keras leaves the length of its graph open; PaSST's own check no longer sees it there.
    for seconds in (0.9, 0.5, 0.7):
        assert len(passt.tag(noise[: round(seconds * RATE)], top=1)) == 1
    with pytest.raises(AudiotagError, match=r"takes at most 105 frames, 2 s give 200: use windows of 0\.9 s") as caught:
        passt.tag(noise, window=2.0)
    assert "\n" not in str(caught.value)


def test_a_clip_shorter_than_the_network_takes_is_one_line_and_stops_no_other(passt, noise, tmp_path):
    with pytest.raises(AudioError, match=r"takes at least 16 frames, 0\.05 s give 5: use longer clips"):
        passt.tag(noise[: RATE // 20])
    audio.write(tmp_path / "a.wav", noise[: RATE // 20], RATE)
    audio.write(tmp_path / "b.wav", noise[:RATE], RATE)
    short, whole = tag_files(passt, [tmp_path])
    assert (short.tags, "at least 16 frames" in short.reason) == ((), True)
    assert len(whole.tags) == 6


def test_a_network_that_keeps_no_time_has_no_events(passt, noise, tmp_path):
    with pytest.raises(AudiotagError, match='build it with head="frames"'):
        passt.events(noise)
    with pytest.raises(AudiotagError, match='build it with head="frames"'):
        next(tag_files(passt, [tmp_path / "missing.wav"], frames=True))


def test_files_give_events_as_the_tagger_does(loudness, tmp_path):
    audio.write(tmp_path / "a.wav", sound(2.0, (300, 0.2, 0.6)), RATE)
    (tmp_path / "b.wav").write_bytes(b"")
    good, bad = tag_files(loudness, [tmp_path], frames=True, top=None, gap=0.1)
    assert good.tags == tuple(loudness.events(tmp_path / "a.wav", gap=0.1))
    assert isinstance(good.tags[0], Tag)
    assert "empty file" in bad.reason
    with pytest.raises(AudiotagError, match="only events have gap, received without frames: add --frames"):
        next(tag_files(loudness, [tmp_path], gap=0.1))


def test_the_published_mn04_hears_when_a_rooster_crows(shared, tmp_path, monkeypatch):
    weights = shared("weights/mn04_as_mAP_432.pt")
    clip = shared("data/esc10/audio/1-26806-A-1.ogg")
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    (tmp_path / weights.name).write_bytes(weights.read_bytes())
    tagger = audiotag.load("mn04_as")
    # The rooster crows in the first 1.6 s of its clip.
    crow = audio.read(clip, 32_000)[: round(1.6 * 32_000)]
    recording = 1e-3 * np.random.default_rng(0).standard_normal(25 * 32_000).astype(np.float32)
    for second in (4, 17):
        recording[second * 32_000 :][: len(crow)] += crow
    crows = [tag for tag in tagger.events(recording, gap=0.5) if tag.label == "Crowing, cock-a-doodle-doo"]
    for tag, second in zip(crows, (4, 17), strict=True):
        assert (tag.start, tag.end) == (pytest.approx(second, abs=0.5), pytest.approx(second + 1.6, abs=0.7))
