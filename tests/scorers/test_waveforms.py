"""Models that take waveforms: from the records or the recordings, at their rate, in windows of their length."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr
from scipy.special import softmax

from audiotag import AudiotagError, frontend, models, scorers
from audiotag.clip_format import ClipFormat
from audiotag.frontend import LogMelConfig

WEIGHTS = np.random.default_rng(5).normal(size=(400, 3)).astype(np.float32)


def outputs_of(waveforms: np.ndarray, size: int = 400) -> np.ndarray:
    """What the models of these tests compute: the mean of the products of blocks of `size` samples, times weights."""
    blocks = waveforms.reshape(len(waveforms), -1, size)
    return 20 * np.tanh(blocks.mean(axis=1) @ WEIGHTS[:size])


@pytest.fixture(scope="module")
def waveform_model():
    """(batch, samples) or (samples,) -> logits, as a SavedModel; `samples` None: any."""
    import tensorflow as tf

    def make(path, samples, batch=None, rank=2):
        module, weights = tf.Module(), tf.constant(WEIGHTS)
        shape = [batch, samples] if rank == 2 else [samples]

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="sound")])
        def score(sound):
            blocks = tf.reshape(sound, [tf.shape(sound)[0] if rank == 2 else 1, -1, 400])
            return {"logits": 20 * tf.tanh(tf.reduce_mean(blocks, 1) @ weights)}

        module.score = score
        tf.saved_model.save(module, str(path), {"serving_default": score})
        return path

    return make


@pytest.fixture
def read(sounds):
    """Waveforms (clips, 2000) by clip id, read by soundfile."""
    return lambda clip_ids: np.stack(
        [soundfile.read(sounds / f"{clip_id.removeprefix('clip')}.wav", dtype="float32")[0] for clip_id in clip_ids]
    )


def predicted(path, data, source=None, **options):
    return scorers.predict(scorers.open(path, data, **options), data, "test", batch_size=4, source=source)


def test_waveforms_come_from_the_records_or_from_the_recordings(
    waveform_model, data, data_with_waveforms, sounds, read, tmp_path
) -> None:
    path = waveform_model(tmp_path / "theirs", 2000)
    with pytest.raises(AudiotagError, match=r"takes waveforms.*--source.*--keep-waveforms"):
        predicted(path, data)
    kept = predicted(path, data_with_waveforms)
    again = predicted(path, data, source=sounds)
    for found, tolerance in ((kept, 1e-2), (again, 1e-5)):  # records keep 16 bits
        expected = softmax(outputs_of(read(found.predictions.clip_ids)).astype(np.float64), axis=1)
        np.testing.assert_allclose(found.predictions.scores, expected, atol=tolerance)
        assert any("8000 Hz" in note and "sample rate" in note for note in found.notes)


@pytest.mark.parametrize(("batch", "rank"), [(1, 2), (4, 2), (None, 1)])
def test_a_fixed_batch_or_none_at_all_gives_the_same(waveform_model, data, sounds, read, tmp_path, batch, rank) -> None:
    found = predicted(waveform_model(tmp_path / "theirs", 2000, batch, rank), data, sounds)
    expected = softmax(outputs_of(read(found.predictions.clip_ids)).astype(np.float64), axis=1)
    np.testing.assert_allclose(found.predictions.scores, expected, atol=1e-5)


def test_a_model_at_another_rate_hears_resampled_waveforms(waveform_model, data_with_waveforms, read, tmp_path) -> None:
    found = predicted(waveform_model(tmp_path / "theirs", None), data_with_waveforms, sample_rate=16_000)
    waveforms = [soxr.resample(row, 8000, 16_000, quality="HQ") for row in read(found.predictions.clip_ids)]
    expected = softmax(outputs_of(np.stack(waveforms)).astype(np.float64), axis=1)
    np.testing.assert_allclose(found.predictions.scores, expected, atol=1e-2)
    assert "theirs hears waveforms resampled from 8000 to 16000 Hz (soxr HQ), of the records" in found.notes


def test_a_shorter_model_hears_windows_and_a_longer_one_the_clip_again(
    waveform_model, data, sounds, read, tmp_path
) -> None:
    short = predicted(waveform_model(tmp_path / "short", 800), data, sounds)
    waveforms = read(short.predictions.clip_ids)
    windows = [outputs_of(waveforms[:, start : start + 800]) for start in (0, 800, 1200)]
    np.testing.assert_allclose(short.predictions.scores, softmax(np.mean(windows, 0, np.float64), axis=1), atol=1e-5)
    assert any("outputs of a clip's windows are averaged" in note for note in short.notes)
    long = predicted(waveform_model(tmp_path / "long", 2400), data, sounds)
    repeated = np.concatenate([waveforms, waveforms[:, :400]], axis=1)
    np.testing.assert_allclose(
        long.predictions.scores, softmax(outputs_of(repeated).astype(np.float64), axis=1), atol=1e-5
    )
    assert any("they are repeated" in note for note in long.notes)


def test_a_recording_that_is_gone_is_one_error_that_says_both_ways(waveform_model, data, tmp_path) -> None:
    path = waveform_model(tmp_path / "theirs", 2000)
    with pytest.raises(AudiotagError, match=r"'clip\d+' of tones cannot be read again.*--source.*--keep-waveforms"):
        predicted(path, data, source=tmp_path)


def test_a_student_of_another_front_end_hears_the_waveforms_through_it(
    network, data, data_with_waveforms, read, tmp_path
) -> None:
    other = LogMelConfig(name="other", sample_rate=8000, window=256, hop=160, fft=256, mels=16, fmax=3000.0)
    card = models.ModelCard("other", ClipFormat(data.labels, other, "multiclass", 0.25))
    models.save(network(), tmp_path / "student.keras", card)
    with pytest.raises(AudiotagError, match="another front end"):
        predicted(tmp_path / "student.keras", data)
    found = predicted(tmp_path / "student.keras", data_with_waveforms)
    log_mel = np.stack([frontend.log_mel(row, other) for row in read(found.predictions.clip_ids)])[..., None]
    expected = softmax(network().predict(log_mel, verbose=0).astype(np.float64), axis=1)
    np.testing.assert_allclose(found.predictions.scores, expected, atol=5e-3)


def test_a_saved_model_without_a_signature_or_with_two_outputs_is_refused(data, tmp_path) -> None:
    import tensorflow as tf

    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path / "none"))
    with pytest.raises(AudiotagError, match="has a signature serving_default, none has none"):
        scorers.open(tmp_path / "none", data)

    @tf.function(input_signature=[tf.TensorSpec([None, 800], tf.float32)])
    def two(sound):
        return {"scores": sound, "features": sound}

    module.two = two
    tf.saved_model.save(module, str(tmp_path / "two"), {"serving_default": two})
    with pytest.raises(AudiotagError, match=r"one output, two has 2 \(.*features.*\)"):
        scorers.open(tmp_path / "two", data)
