"""Mel banks and the NumPy log-mel against librosa, tf.signal, a plain DFT and EfficientAT's own output."""

from __future__ import annotations

import dataclasses

import librosa
import numpy as np
import pytest

from audiotag.errors import AudioError
from audiotag.frontend import PRESETS, LogMelConfig, log_mel, mel_filterbank, preset
from audiotag.frontend.filterbank import places_of_frequencies


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    time = np.arange(24_000) / 16_000
    noise = np.random.default_rng(1).normal(size=len(time))
    return (0.2 * np.sin(2 * np.pi * (300 + 900 * time) * time) + 0.02 * noise).astype(np.float32)


def by_definition(waveform: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """The log-mel spectrogram written out, frame by frame, in float64 and without a fast transform."""
    signal = waveform.astype(np.float64)
    if config.preemphasis:
        signal = np.array([signal[n + 1] - config.preemphasis * signal[n] for n in range(len(signal) - 1)])
    if config.padding != "none":
        half = config.window // 2
        before, after = np.zeros(half), np.zeros(half)
        if config.padding == "reflect":
            before, after = signal[half:0:-1], signal[-2 : -2 - half : -1]
        signal = np.concatenate([before, signal, after])
    window = np.hanning(config.window) if config.symmetric_window else np.hanning(config.window + 1)[:-1]
    angle = -2 * np.pi * np.outer(np.arange(config.window), np.arange(config.fft // 2 + 1)) / config.fft
    cosines, sines = np.cos(angle), np.sin(angle)
    rows = []
    for start in range(0, len(signal) - config.window + 1, config.hop):
        frame = signal[start : start + config.window] * window
        spectrum = np.abs(frame @ cosines + 1j * (frame @ sines)) ** config.power
        mel = spectrum @ mel_filterbank(config)
        mel = mel + config.log_floor if config.floor == "add" else np.maximum(mel, config.log_floor)
        rows.append(np.log(mel) if config.log == "natural" else 10 * np.log10(mel))
    return (np.array(rows) - config.mean) / config.scale


def test_the_efficientat_preset_equals_the_published_front_end(shared) -> None:
    golden = np.load(shared("golden/logmel_efficientat.npz"))
    for waveform, expected in zip(golden["waveform"], golden["log_mel"], strict=True):
        np.testing.assert_allclose(log_mel(waveform, preset("efficientat")), expected.T, atol=1e-4)


def test_the_efficientsed_preset_equals_the_published_front_end(shared) -> None:
    golden = np.load(shared("golden/logmel_fmn.npz"))
    config = preset("efficientsed")
    for waveform, published in zip(golden["waveform"], golden["log_mel"], strict=True):
        received = log_mel(waveform, config)
        # Beside loud bands those near the floor of 1e-7 are what single precision leaves of them, there and here.
        exact = by_definition(waveform, config)
        for of, share in ((published.T, 0.002), (received, 0.001)):
            assert np.abs(of - exact).max() < 6e-4
            assert np.mean(np.abs(of - exact) > 1e-4) < share
        assert np.abs(received - published.T).max() < 6e-4
        assert np.mean(np.abs(received - published.T) > 1e-4) < 0.002


def test_digital_silence_is_the_published_value() -> None:
    silence = log_mel(np.zeros(8000), preset("efficientat"))
    np.testing.assert_allclose(silence, -1.4026, atol=1e-4)
    assert silence.dtype == np.float32 and silence.shape == (25, 128)


def test_the_librosa_preset_equals_librosa(waveform: np.ndarray) -> None:
    power = librosa.feature.melspectrogram(y=waveform, sr=22_050)
    expected = librosa.power_to_db(power, top_db=None)
    np.testing.assert_allclose(log_mel(waveform, preset("librosa")), expected.T, atol=1e-3)


def test_the_yamnet_preset_equals_tf_signal(waveform: np.ndarray) -> None:
    import tensorflow as tf

    magnitude = tf.abs(tf.signal.stft(waveform, 400, 160, 512))
    bank = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7500.0)
    expected = tf.math.log(tf.matmul(magnitude, bank) + 0.001).numpy()
    np.testing.assert_allclose(log_mel(waveform, preset("yamnet")), expected, atol=1e-3)


def test_the_panns_preset_equals_librosa(waveform: np.ndarray) -> None:
    power = librosa.feature.melspectrogram(
        y=waveform, sr=32_000, n_fft=1024, hop_length=320, n_mels=64, fmin=50, fmax=14_000, pad_mode="reflect"
    )
    expected = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)
    np.testing.assert_allclose(log_mel(waveform, preset("panns")), expected.T, atol=1e-3)
    np.testing.assert_allclose(log_mel(np.zeros(32_000), preset("panns")), np.full((101, 64), -100.0), atol=1e-4)


@pytest.mark.parametrize("norm", [None, "slaney"])
@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize(
    ("rate", "fft", "mels", "fmin", "fmax"), [(16_000, 512, 40, 0, 8000), (44_100, 2048, 128, 50, 20_000)]
)
def test_mel_banks_equal_those_of_librosa(norm, scale, rate, fft, mels, fmin, fmax) -> None:
    config = LogMelConfig(
        sample_rate=rate, window=fft, fft=fft, mels=mels, fmin=fmin, fmax=fmax, mel_scale=scale, mel_norm=norm
    )
    expected = librosa.filters.mel(
        sr=rate, n_fft=fft, n_mels=mels, fmin=fmin, fmax=fmax, htk=scale == "htk", norm=norm, dtype=np.float64
    )
    np.testing.assert_allclose(mel_filterbank(config), expected.T, atol=1e-9)


def test_the_kaldi_bank_equals_that_of_tf_signal() -> None:
    import tensorflow as tf

    config = LogMelConfig(fmin=20)
    expected = tf.signal.linear_to_mel_weight_matrix(128, 513, 32_000, 20.0, 15_000.0, dtype=tf.float64)
    np.testing.assert_allclose(mel_filterbank(config), expected, atol=1e-9)


def test_256_mels_leave_the_known_empty_filters() -> None:
    assert (mel_filterbank(LogMelConfig(mels=256)).sum(axis=0) == 0).sum() == 13


def test_a_kaldi_bank_up_to_half_the_rate_ignores_its_last_bin() -> None:
    bank = mel_filterbank(LogMelConfig(fmax=16_000))
    assert (bank[-1] == 0).all() and bank[-2].any()


def test_a_filter_bank_cannot_be_changed_by_its_reader() -> None:
    with pytest.raises(ValueError, match="read-only"):
        mel_filterbank(preset("efficientat"))[0, 0] = 1


VARIED = {
    **PRESETS,
    "reflect clamp": LogMelConfig(floor="clamp", window=400, hop=100, fft=400, mels=30, symmetric_window=False),
    "htk magnitude": LogMelConfig(mel_scale="htk", mel_norm="slaney", power=1, padding="zero", log="decibel"),
    "odd window": LogMelConfig(window=401, hop=77, fft=512, mels=20, padding="reflect", preemphasis=0.5),
}


@pytest.mark.parametrize("config", VARIED.values(), ids=VARIED)
@pytest.mark.parametrize("samples", [3000, 4321])
def test_the_fast_spectrogram_equals_its_definition(waveform: np.ndarray, config: LogMelConfig, samples: int) -> None:
    received = log_mel(waveform[:samples], config)
    assert received.shape == (config.frames(samples), config.mels)
    np.testing.assert_allclose(received, by_definition(waveform[:samples], config), atol=1e-3)


@pytest.mark.parametrize("config", PRESETS.values(), ids=PRESETS)
def test_the_shortest_signal_gives_one_frame_or_more_and_a_shorter_one_an_error(config: LogMelConfig) -> None:
    shortest = np.ones(config.minimum_samples)
    assert len(log_mel(shortest, config)) == config.frames(len(shortest)) >= 1
    with pytest.raises(AudioError, match=f"at least {config.minimum_samples} samples"):
        log_mel(shortest[1:], config)


def test_stereo_is_refused() -> None:
    with pytest.raises(AudioError, match="average the channels"):
        log_mel(np.zeros((8000, 2)), preset("efficientat"))


def test_a_window_placed_in_the_middle_of_the_transform_has_the_same_power(waveform: np.ndarray) -> None:
    config = dataclasses.replace(preset("efficientat"), preemphasis=0.0, symmetric_window=False)
    spectrum = librosa.stft(waveform, n_fft=1024, win_length=800, hop_length=320, pad_mode="reflect")
    expected = (np.log(np.abs(spectrum.T) ** 2 @ mel_filterbank(config) + 1e-5) + 4.5) / 5
    np.testing.assert_allclose(log_mel(waveform, config), expected, atol=1e-4)


def test_octaves_lie_where_their_tones_are_loudest() -> None:
    for name in ("efficientat", "librosa"):
        config = preset(name)
        places = places_of_frequencies(config)
        assert len(places) >= 4 and all(0 <= place <= config.mels for place in places.values())
        assert list(places) == sorted(places) and set(np.diff([*places.values()]) >= 0.1 * config.mels) == {True}
        seconds = np.arange(config.sample_rate) / config.sample_rate
        for frequency, place in places.items():
            tone = 0.5 * np.sin(2 * np.pi * frequency * seconds).astype(np.float32)
            # The band k of a tone reaches from its lower neighbour's centre to its upper one's.
            assert abs(int(log_mel(tone, config).mean(axis=0).argmax()) - place) <= 2.0, frequency
