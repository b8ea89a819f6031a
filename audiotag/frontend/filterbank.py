"""Mel filter banks after Kaldi, HTK and Slaney, and the Hann window."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiotag.frontend.config import LogMelConfig

_SLANEY_KNEE = 1000.0  # Hz: linear below, logarithmic above
_SLANEY_LINEAR = 200.0 / 3.0  # Hz a mel below the knee
_SLANEY_STEP = np.log(6.4) / 27.0  # of ln(f) a mel above the knee


def hertz_to_mel(frequency: np.ndarray, mel_scale: str) -> np.ndarray:
    """Mel of a frequency in Hz; float64, any shape.

    Sources: "kaldi" and "htk" O'Shaughnessy's curve with the constants of Kaldi's mel-computations.h and of the HTK
    book; "slaney" the Auditory Toolbox.
    """
    frequency = np.asarray(frequency, np.float64)
    if mel_scale == "kaldi":
        return 1127.0 * np.log1p(frequency / 700.0)
    if mel_scale == "htk":
        return 2595.0 * np.log10(1.0 + frequency / 700.0)
    knee = _SLANEY_KNEE / _SLANEY_LINEAR
    above = knee + np.log(np.maximum(frequency, _SLANEY_KNEE) / _SLANEY_KNEE) / _SLANEY_STEP
    return np.where(frequency < _SLANEY_KNEE, frequency / _SLANEY_LINEAR, above)


def mel_to_hertz(mel: np.ndarray, mel_scale: str) -> np.ndarray:
    """Frequency in Hz of a mel: the inverse of `hertz_to_mel`; float64, any shape."""
    mel = np.asarray(mel, np.float64)
    if mel_scale == "kaldi":
        return 700.0 * np.expm1(mel / 1127.0)
    if mel_scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    knee = _SLANEY_KNEE / _SLANEY_LINEAR
    above = _SLANEY_KNEE * np.exp(_SLANEY_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, mel * _SLANEY_LINEAR, above)


@lru_cache(maxsize=16)
def mel_filterbank(config: LogMelConfig) -> np.ndarray:
    """Weights that turn a spectrum into mel bands by a matrix product, `spectrum @ weights`.

    Args:
        config: the front end.

    Returns:
        (bins, mels), float64, not negative, read-only. Bands narrower than the distance of two bins may be empty.
    """
    frequencies = np.arange(config.bins) * (config.sample_rate / config.fft)
    low, high = hertz_to_mel(np.array([config.fmin, config.fmax]), config.mel_scale)
    edges = np.linspace(low, high, config.mels + 2)
    corners = mel_to_hertz(edges, config.mel_scale)
    if config.mel_scale == "kaldi":
        positions, points = hertz_to_mel(frequencies, "kaldi"), edges
    else:
        positions, points = frequencies, corners
    rising = (positions[:, None] - points[:-2]) / (points[1:-1] - points[:-2])
    falling = (points[2:] - positions[:, None]) / (points[2:] - points[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if config.mel_scale == "kaldi":
        weights[-1] = 0.0  # Kaldi's bank knows fft / 2 bins: the one at half the sample rate counts for nothing
    if config.mel_norm == "slaney":
        weights *= 2.0 / (corners[2:] - corners[:-2])
    weights.flags.writeable = False
    return weights


def hann(config: LogMelConfig) -> np.ndarray:
    """The front end's Hann window: (window,), float64, symmetric or periodic as the configuration says."""
    period = config.window - 1 if config.symmetric_window else config.window
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(config.window) / period)


def places_of_frequencies(config: LogMelConfig) -> dict[float, float]:
    """Where octaves of 125 Hz lie among the mel bands, for the axis of a picture.

    Of two that are nearer than a tenth of the bands, the lower is left out.

    Args:
        config: the front end.

    Returns:
        Frequency in Hz to its place: 0 is the lower edge of the first band, `mels` the upper edge of the last.
    """
    low, high = hertz_to_mel(np.array([config.fmin, config.fmax]), config.mel_scale)
    places: dict[float, float] = {}
    for frequency in (125.0 * 2**octave for octave in range(10, -1, -1)):
        place = float((hertz_to_mel(frequency, config.mel_scale) - low) / (high - low) * config.mels)
        if 0 <= place <= config.mels and all(abs(place - other) >= config.mels / 10 for other in places.values()):
            places[frequency] = place
    return dict(sorted(places.items()))
