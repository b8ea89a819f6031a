"""Streams: the same scores as of the whole recording, however it is cut into pieces."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import AudioError, AudiotagError, frontend
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger, StreamingTagger, tags
from audiotag.tagging.calibration import Calibration
from audiotag.tagging.streaming import _Frames

LABELS = Labels(("low", "high"))


@pytest.fixture(scope="module")
def make():
    """Taggers whose scores depend on every frame and where it lies."""

    def build(front_end: str = "efficientat", seconds: float = 0.5, **options) -> AudioTagger:
        config = frontend.preset(front_end)
        inputs = keras.Input((None, config.mels, 1))
        x = keras.layers.Conv2D(2, (5, config.mels), kernel_initializer=keras.initializers.GlorotUniform(seed=1))(
            inputs
        )
        x = keras.layers.Activation("tanh")(keras.layers.GlobalMaxPooling2D()(x))
        return AudioTagger(keras.Model(inputs, x), LABELS, config, seconds=seconds, **options)

    return build


def sound(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 0.1, int(seconds * rate)) * rng.random(int(seconds * rate))).astype(np.float32)


def streamed(stream: StreamingTagger, waveform: np.ndarray, seed: int, largest: int):
    rng = np.random.default_rng(seed)
    found, first = [], 0
    while first < len(waveform):
        size = int(rng.integers(0, largest))
        found += stream.feed(waveform[first : first + size])
        first += size
    return found + stream.close()


@pytest.mark.parametrize("front_end", ["efficientat", "passt", "yamnet", "panns", "librosa"])
@pytest.mark.parametrize("seconds", [0.2, 0.505, 2.13])
def test_pieces_of_any_size_give_the_scores_of_the_whole(make, front_end, seconds):
    tagger = make(front_end)
    rate, grid = tagger.sample_rate, tagger.front_end.hop
    hop = 10 * grid / rate
    waveform = sound(seconds, rate)
    starts, wanted = tags.scores(tagger, waveform, hop=hop)
    for seed, largest in ((0, 50), (1, rate)) if seconds < 1 else ((2, 4 * grid),):
        found = streamed(StreamingTagger(tagger, hop=hop), waveform, seed, largest)
        np.testing.assert_allclose([window.start for window in found], starts / rate, atol=1e-12)
        np.testing.assert_allclose([window.scores for window in found], wanted, atol=1e-5)
    assert 0 <= len(waveform) / rate - found[-1].end < 0.02 * tagger.seconds


@pytest.mark.parametrize("front_end", ["efficientat", "passt", "yamnet", "panns", "librosa"])
def test_frames_of_overlapping_windows_are_those_of_each_alone(front_end):
    config = frontend.preset(front_end)
    window, hop = 40 * config.hop + 137, 7 * config.hop
    waveform, frames = sound(3, config.sample_rate), _Frames(config, 40 * config.hop + 137)
    for start in range(0, len(waveform) - window, hop):
        cut = waveform[start : start + window]
        np.testing.assert_allclose(frames.of_window(start, cut), frontend.log_mel(cut, config), atol=1e-5)


def test_only_new_frames_are_computed(make, monkeypatch):
    from audiotag.tagging import streaming

    tagger, counted = make(seconds=5.0), []
    whole = streaming.log_mel

    def counting(waveform, config):
        result = whole(waveform, config)
        counted.append(len(result))
        return result

    monkeypatch.setattr(streaming, "log_mel", counting)
    stream = StreamingTagger(tagger, hop=0.1)
    stream.feed(sound(5.0, 32000))
    counted.clear()
    stream.feed(sound(1.0, 32000))
    assert sum(counted) < 10 * (10 + 20)  # 10 windows of 500 frames, 10 of them new and some at either end


def test_a_calibrated_tagger_and_another_rate_give_what_the_whole_gives(make):
    tagger = make(calibration=Calibration("platt", scale=(2.0, 0.5), shift=(0.1, -1.0)))
    waveform = sound(2.0, 44100)
    _, wanted = tags.scores(tagger, waveform, hop=0.1, sample_rate=44100)
    found = streamed(StreamingTagger(tagger, hop=0.1, sample_rate=44100), waveform, 0, 3000)
    np.testing.assert_allclose([window.scores for window in found], wanted, atol=1e-4)


def test_memory_does_not_grow_with_the_stream(make):
    stream = StreamingTagger(make(), hop=0.1)
    sizes = []
    for seed in range(20):
        stream.feed(sound(1.0, 32000, seed))
        sizes.append((len(stream._signal), len(stream._frames._known)))
    assert len(set(sizes[2:])) == 1


def test_a_stream_without_samples_says_nothing_and_a_closed_one_takes_no_more(make):
    stream = StreamingTagger(make())
    assert stream.feed(np.zeros(0, np.float32)) == [] and stream.close() == [] == stream.close()
    with pytest.raises(AudiotagError, match="was closed"):
        stream.feed(np.zeros(10, np.float32))


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (np.zeros((10, 2), np.float32), r"mono floats of shape \(samples,\), received float32 of \(10, 2\)"),
        (np.zeros(10, np.int16), "received int16"),
        (np.array([0.0, np.nan], np.float32), "must be finite"),
    ],
)
def test_pieces_that_are_no_sound_are_refused_and_the_stream_goes_on(make, piece, message):
    stream = StreamingTagger(make(), hop=0.5)
    with pytest.raises(AudioError, match=message):
        stream.feed(piece)
    assert len(stream.feed(sound(0.5, 32000))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop": 0.6}, "without gaps, received a hop of 0.6 s"),
        ({"hop": 0}, "positive"),
        ({"sample_rate": 0}, "positive"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(make, options, message):
    with pytest.raises(AudiotagError, match=message) as raised:
        StreamingTagger(make(), **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("ending", "outputs"), [("linear", "logits"), ("sigmoid", None), ("hard_sigmoid", "scores")])
def test_a_scorer_s_own_outputs_are_taken_for_what_they_are(make, tmp_path, ending, outputs):
    from audiotag import scorers

    network = make().network
    network = keras.Model(network.input, keras.layers.Activation(ending)(network.output))
    network.save(tmp_path / "foreign.keras")
    (tmp_path / "labels.txt").write_text("low\nhigh\n")
    stated = {"labels": tmp_path / "labels.txt", "front_end": "efficientat", "outputs": outputs}
    scorer = scorers.open(tmp_path / "foreign.keras", **stated)
    waveform = sound(1.0, 32000)
    _, wanted = tags.scores(scorer, waveform, window=0.5, hop=0.1)
    found = streamed(StreamingTagger(scorer, window=0.5, hop=0.1), waveform, 0, 3000)
    np.testing.assert_allclose([window.scores for window in found], wanted, atol=1e-5)
