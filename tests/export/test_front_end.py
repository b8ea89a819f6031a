"""The front end of exported files: equal to the layer and to the published one, in TensorFlow and in both runtimes."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.export.front_end import log_mel
from audiotag.frontend import PRESETS, LogMel, LogMelConfig, preset
from tests.export.runtimes import litert, onnx

_MORE = (
    LogMelConfig(name="narrowband", sample_rate=8000, window=200, hop=80, fft=256, mels=40, fmax=4000),
    LogMelConfig(name="48 kHz", sample_rate=48_000, window=1200, hop=480, fft=2048, fmax=20_000, mel_scale="htk"),
    # A transform of 25 x 16, clamped.
    LogMelConfig(name="400 points", floor="clamp", window=400, hop=100, fft=400, mels=30, symmetric_window=False),
    LogMelConfig(name="magnitude", mel_scale="htk", mel_norm="slaney", power=1, padding="zero", log="decibel"),
    # Rows that no whole number of windows or hops fills.
    LogMelConfig(name="odd window", window=401, hop=77, fft=512, mels=20, preemphasis=0.5),
    # A transform of twice a prime, and samples between the windows that no frame takes.
    LogMelConfig(name="gaps", window=100, hop=333, fft=502, mels=9, padding="none"),
)
CONFIGS = {**PRESETS, **{config.name: config for config in _MORE}}


@pytest.fixture(scope="module")
def waveforms() -> np.ndarray:
    return np.random.default_rng(3).normal(scale=0.1, size=(2, 50_000)).astype(np.float32)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_it_equals_the_layer_at_any_length(waveforms: np.ndarray, config: LogMelConfig) -> None:
    for samples in (config.minimum_samples, config.minimum_samples + 1, 9001, 50_000):
        part = waveforms[:, :samples]
        received, expected = log_mel(config, samples)(part), LogMel(config)(part)
        assert received.shape == expected.shape
        np.testing.assert_allclose(received, expected, atol=2e-4)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(config, id=name, marks=[pytest.mark.slow] * ("_hop_" in name or "_mels_" in name))
        for name, config in CONFIGS.items()
    ],
)
def test_it_equals_the_layer_in_both_runtimes(waveforms: np.ndarray, config: LogMelConfig) -> None:
    part = waveforms[:, :9001]
    expected, function = LogMel(config)(part), log_mel(config, 9001)
    np.testing.assert_allclose(litert(function, 1, 9001)(part[:1]), expected[:1], atol=2e-4)
    in_onnx = onnx(function, None, 9001)
    np.testing.assert_allclose(in_onnx(part), expected, atol=2e-4)
    np.testing.assert_allclose(in_onnx(part[1:]), expected[1:], atol=2e-4)


def test_it_equals_the_published_front_end_in_both_runtimes(shared) -> None:
    golden = np.load(shared("golden/logmel_efficientat.npz"))
    samples = golden["waveform"].shape[1]
    function, expected = log_mel(preset("efficientat"), samples), golden["log_mel"].transpose(0, 2, 1)[..., None]
    np.testing.assert_allclose(onnx(function, None, samples)(golden["waveform"]), expected, atol=1e-4)
    in_litert = litert(function, len(expected), samples)
    np.testing.assert_allclose(in_litert(golden["waveform"]), expected, atol=1e-4)


def test_a_waveform_without_a_frame_is_refused() -> None:
    with pytest.raises(AudiotagError, match="at least 402 samples, received 401"):
        log_mel(preset("efficientat"), 401)


def test_a_bank_that_hears_nothing_gives_the_floor() -> None:
    config = LogMelConfig(window=2, hop=1, fft=2, mels=1)
    np.testing.assert_allclose(log_mel(config, 9)(np.ones((1, 9), np.float32)), LogMel(config)(np.ones((1, 9))))
