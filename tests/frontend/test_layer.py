"""The Keras layer: equal to the NumPy function on every backend, float32 whatever the policy, traceable."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag.errors import AudioError
from audiotag.frontend import PRESETS, LogMel, LogMelConfig, log_mel, preset


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return np.random.default_rng(2).normal(scale=0.1, size=(2, 7777)).astype(np.float32)


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_the_layer_equals_the_published_front_end(shared) -> None:
    golden = np.load(shared("golden/logmel_efficientat.npz"))
    received = keras.ops.convert_to_numpy(LogMel("efficientat")(golden["waveform"]))
    np.testing.assert_allclose(received[..., 0].transpose(0, 2, 1), golden["log_mel"], atol=1e-4)


def test_the_layer_equals_the_published_front_end_of_efficientsed(shared) -> None:
    golden = np.load(shared("golden/logmel_fmn.npz"))
    received = keras.ops.convert_to_numpy(LogMel("efficientsed")(golden["waveform"]))
    difference = np.abs(received[..., 0].transpose(0, 2, 1) - golden["log_mel"])
    # Bands near the floor of 1e-7 beside loud ones are what single precision leaves of them.
    assert difference.max() < 6e-4
    assert np.mean(difference > 1e-4) < 0.002


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("samples", [None, 4096, 7777], ids=str)
def test_the_layer_equals_the_function(waveform: np.ndarray, config: LogMelConfig, samples: int | None) -> None:
    part = waveform[:, : samples or config.minimum_samples]
    received = LogMel(config)(part)
    assert received.shape == (2, config.frames(part.shape[1]), config.mels, 1)
    for row, expected in zip(received, part, strict=True):
        np.testing.assert_allclose(row[..., 0], log_mel(expected, config), atol=2e-4)


def differences_of_presets(waveform: np.ndarray) -> dict[str, float]:
    """The layer's largest difference from the function, in mixed precision."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        differences = {}
        for name in ("efficientat", "efficientsed", "yamnet", "librosa"):
            output = keras.ops.convert_to_numpy(keras.Sequential([keras.Input((None,)), LogMel(name)])(waveform))
            assert output.dtype == np.float32
            expected = np.stack([log_mel(row, preset(name)) for row in waveform])
            differences[name] = float(np.abs(output[..., 0] - expected).max())
        return differences
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same_numbers(kept_process, waveform: np.ndarray, backend: str) -> None:
    differences = kept_process(backend).call(differences_of_presets, waveform)
    assert len(differences) == 4
    assert max(differences.values()) < 2e-4


def test_mixed_precision_changes_nothing(waveform: np.ndarray, mixed_precision) -> None:
    loud = np.float32(30) * waveform  # its power spectrum lies beyond float16
    network = keras.Sequential([keras.Input((None,)), LogMel("efficientat")])
    received = network(loud)
    assert keras.backend.standardize_dtype(received.dtype) == "float32"
    np.testing.assert_allclose(received[0, ..., 0], log_mel(loud[0], preset("efficientat")), atol=1e-4)
    assert LogMel.from_config({**LogMel("yamnet").get_config(), "dtype": "float16"}).compute_dtype == "float32"


def test_unknown_batch_size_and_length_are_traced_once(waveform: np.ndarray) -> None:
    import tensorflow as tf

    layer = LogMel("efficientat")
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None), tf.float32)])
    for part in (waveform, waveform[:1, :5000]):
        np.testing.assert_allclose(traced(part), layer(part), atol=1e-5)
    assert traced.experimental_get_tracing_count() == 1
    network = keras.Sequential([keras.Input((None,)), layer])
    assert network.output_shape == (None, None, 128, 1)
    assert layer(keras.Input((8000,))).shape == (None, 25, 128, 1)


def test_a_saved_layer_comes_back_with_its_configuration(waveform: np.ndarray, tmp_path: Path) -> None:
    config = dataclasses.replace(preset("librosa"), name="mine", mels=40)
    network = keras.Sequential([keras.Input((None,)), LogMel(config)])
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert again.layers[-1].config == config
    np.testing.assert_array_equal(again(waveform), network(waveform))


def test_gradients_reach_the_waveform() -> None:
    import tensorflow as tf

    waveform = tf.Variable(np.random.default_rng(0).normal(size=(1, 1600)).astype(np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(LogMel("efficientat")(waveform))
    gradient = tape.gradient(loss, waveform).numpy()
    assert np.isfinite(gradient).all() and gradient.any()


@pytest.mark.parametrize("shape", [(1, 300), (8000,), (1, 8000, 1)], ids=str)
def test_a_shape_that_is_no_batch_of_waveforms_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match="received"):
        LogMel("efficientat")(np.zeros(shape, np.float32))
