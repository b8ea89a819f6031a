"""The AudioTagger against its parts done by hand, on three backends, from its file, and against misuse."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio
from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend import LogMel, log_mel
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger

RATE = 8000


def logits_by_hand(tagger: AudioTagger, waveform: np.ndarray) -> np.ndarray:
    """Front end in NumPy, then the network: (classes,)."""
    features = log_mel(waveform, tagger.front_end)[None, :, :, None]
    return np.asarray(tagger.network(features))[0].astype(np.float64)


def test_scores_are_the_sigmoid_of_the_network_on_the_numpy_log_mel(tagger, noise):
    starts, scores = tagger.scores(noise)
    assert starts.tolist() == [0, RATE, 2 * RATE, round(2.3 * RATE)]
    assert scores.dtype == np.float32
    for start, row in zip(starts, scores, strict=True):
        expected = 1 / (1 + np.exp(-logits_by_hand(tagger, noise[start : start + RATE])))
        np.testing.assert_allclose(row, expected, atol=2e-5)


def test_scores_of_a_multiclass_tagger_are_a_softmax(network_for, labels, front_end, noise):
    tagger = AudioTagger(network_for(), labels, front_end, task="multiclass", seconds=1.0)
    powers = np.exp(logits_by_hand(tagger, noise[:RATE]))
    np.testing.assert_allclose(tagger.scores(noise[:RATE])[1][0], powers / powers.sum(), atol=2e-5)


def test_tags_are_best_first_in_each_window_and_carry_its_times(tagger, noise):
    _, scores = tagger.scores(noise, window=1.0, hop=0.5)
    tags = tagger.tag(noise, top=2, window=1.0, hop=0.5)
    assert len(tags) == 2 * len(scores)
    for number, row in enumerate(scores):
        best, second = tags[2 * number : 2 * number + 2]
        assert best.score == row.max()
        assert best.label == tagger.labels.names[row.argmax()]
        assert second.score == np.sort(row)[-2]
        assert best.start == pytest.approx(min(0.5 * number, 2.3))
        assert best.end == pytest.approx(best.start + 1.0)
    assert len(tagger.tag(noise[:RATE], top=None)) == 3


def test_a_short_signal_is_repeated_and_its_tags_end_where_it_ends(tagger, noise):
    short = noise[:3000]
    np.testing.assert_allclose(tagger.scores(short)[1], tagger.scores(np.resize(short, RATE))[1], atol=1e-6)
    assert tagger.tag(short, top=1)[0].end == 3000 / RATE


def test_without_padding_a_short_signal_is_scored_as_it_is(network_for, labels, front_end, noise):
    tagger = AudioTagger(network_for(), labels, front_end, seconds=1.0, pad="none")
    expected = 1 / (1 + np.exp(-logits_by_hand(tagger, noise[:3000])))
    np.testing.assert_allclose(tagger.scores(noise[:3000])[1][0], expected, atol=2e-5)
    with pytest.raises(AudioError, match="are needed, received 50"):
        tagger.tag(noise[:50])


def test_silence_below_a_second_is_for_tags_not_for_vectors(network_for, labels, front_end, noise):
    parts = (network_for(), labels, front_end, "multilabel", 2.0)
    as_published, as_it_is, silent = (AudioTagger(*parts, pad=pad) for pad in ("zero_under_1s", "none", "zero"))
    short, long = noise[:4000], noise[:12_000]
    np.testing.assert_array_equal(as_published.scores(short)[1], silent.scores(short)[1])
    np.testing.assert_array_equal(as_published.scores(long)[1], as_it_is.scores(long)[1])
    np.testing.assert_array_equal(as_published.embed(short, "hidden"), as_it_is.embed(short, "hidden"))
    assert np.abs(silent.embed(short, "hidden") - as_it_is.embed(short, "hidden")).max() > 1e-3


def test_a_file_of_another_rate_and_its_waveform_give_the_same_tags(tagger, tmp_path):
    waveform = np.random.default_rng(1).uniform(-0.3, 0.3, 2 * 11_025).astype(np.float32)
    audio.write(tmp_path / "a.wav", waveform, 11_025)
    from_file = tagger.tag(tmp_path / "a.wav")
    from_waveform = tagger.tag(waveform, sample_rate=11_025)
    assert [(tag.label, tag.start, tag.end) for tag in from_file] == [
        (tag.label, tag.start, tag.end) for tag in from_waveform
    ]
    np.testing.assert_allclose([tag.score for tag in from_file], [tag.score for tag in from_waveform], atol=1e-5)


@pytest.mark.parametrize(
    ("waveform", "options", "message"),
    [
        (np.zeros((2, RATE), np.float32), {}, r"mono floats of shape \(samples,\).*shape \(2, 8000\)"),
        (np.zeros(RATE, np.int16), {}, "received int16"),
        (np.zeros(0, np.float32), {}, "not empty"),
        (np.full(RATE, np.nan), {}, "finite"),
        (np.zeros(RATE), {"top": 0}, "top must be at least 1"),
        (np.zeros(RATE), {"window": 0}, "window and hop must be positive"),
        (np.zeros(RATE), {"hop": -1.0}, "window and hop must be positive"),
        (np.zeros(RATE), {"window": 0.001}, "samples .* are needed"),
        (np.zeros(RATE), {"sample_rate": 0}, "sample_rate must be positive"),
        ("a.wav", {"sample_rate": 8000}, "sample_rate is for waveforms"),
        ("nowhere.wav", {}, "nowhere.wav is missing"),
    ],
)
def test_what_cannot_be_tagged_is_refused_in_one_line(tagger, waveform, options, message):
    with pytest.raises(AudiotagError, match=message) as caught:
        tagger.tag(waveform, **options)
    assert "\n" not in str(caught.value)


def test_parts_that_do_not_fit_are_refused(network_for, labels, front_end):
    with pytest.raises(AudiotagError, match="received 2 labels for 3 outputs"):
        AudioTagger(network_for(), Labels(("a", "b")), front_end)
    with pytest.raises(AudiotagError, match="tiny takes 20, small gives 16"):
        AudioTagger(network_for(mels=20), labels, front_end)
    for wrong, message in (
        ({"task": "regression"}, "received"),
        ({"pad": "mirror"}, "named 'mirror'"),
        ({"seconds": 0}, "received"),
    ):
        with pytest.raises(AudiotagError, match=message):
            AudioTagger(network_for(), labels, front_end, **wrong)


def test_a_network_of_fixed_length_takes_only_its_own_windows(network_for, labels, front_end, noise):
    tagger = AudioTagger(network_for(frames=front_end.frames(RATE)), labels, front_end, seconds=1.0)
    assert len(tagger.tag(noise, top=1)) == 4
    with pytest.raises(AudiotagError, match=r"takes exactly 100 frames, 2 s give 200: use windows of 1 s"):
        tagger.tag(noise, window=2.0)


def test_a_half_precision_policy_does_not_round_the_waveform(network_for, labels, front_end, tagger, noise):
    network = network_for()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        halved = AudioTagger(network, labels, front_end, seconds=1.0)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(halved.scores(noise)[1], tagger.scores(noise)[1], atol=1e-6)


def opened(path: Path, waveform: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """A saved tagger's scores of a waveform, and its labels."""
    tagger = keras.saving.load_model(path)
    assert isinstance(tagger, AudioTagger)
    return tagger.scores(waveform)[1], tagger.labels.names, tagger.labels.ids


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_saved_file_gives_the_same_scores_on_every_backend(kept_process, tagger, noise, tmp_path, backend):
    tagger.save(tmp_path / "tagger.keras")
    scores, names, ids = kept_process(backend).call(opened, tmp_path / "tagger.keras", noise)
    np.testing.assert_allclose(scores, tagger.scores(noise)[1], atol=1e-5)
    assert (names, ids) == (tagger.labels.names, tagger.labels.ids)


def test_keras_exports_it_as_it_is(tagger, noise, tmp_path):
    import tensorflow as tf

    tagger.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    rate = tagger.sample_rate
    for waveforms in (noise[None, :rate], np.stack([noise[: rate + 300], noise[100 : rate + 400]])):
        np.testing.assert_allclose(exported.serve(waveforms.astype(np.float32)), tagger(waveforms), atol=1e-5)


def test_its_front_end_is_a_layer_of_any_model(tagger, noise):
    waveform = keras.Input((None,))
    own = keras.Model(waveform, tagger.network(LogMel(tagger.front_end)(waveform)))
    logits = keras.ops.convert_to_numpy(own(noise[None, : tagger.sample_rate]))
    expected = tagger.task.probabilities(logits)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(tagger(noise[None, : tagger.sample_rate])), expected, atol=1e-5
    )
