"""What a log-mel tells of the sound that it was made of: how loud it is, and up to which frequency there is any."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from audiotag.frontend import LogMelConfig, log_mel
from audiotag.frontend.filterbank import hertz_to_mel, mel_to_hertz

SILENCE = -70.0
"""dBFS: a clip of which no frame is louder than white noise of this level is silent."""

_RANGE = 1e-7  # of the energy of the loudest band: what is below is rounding and leakage of windows
_OCCUPIED, _EMPTY = 15.0, 3.0  # dB above that, or above the front end's floor
_FALL = 40.0  # dB, over the width of an edge; what decoders and dithers leave above it is less
_VALLEY = 15.0  # dB: between the harmonics of a tone it is deeper
_SOLID, _EDGE = 0.12, 0.05  # of the bands: all occupied below the edge; how wide a resampler's edge is
_LOWEST = 2500.0  # Hz: nobody records at a lower rate, and voices and engines end there by themselves
_LOW = 0.75  # of the highest frequency: an edge above is usual


def nepers(config: LogMelConfig) -> float:
    """Nepers of energy that 1 of the log-mel is."""
    return config.scale * (1.0 if config.log == "natural" else math.log(10) / 10) * (2 / config.power)


def energies(values: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """The energies of the mel bands that a log-mel is of, in any unit, 0 at the front end's floor.

    Args:
        values: (…, mels) float32.
        config: the front end.
    """
    logarithms = values * np.float32(config.scale) + np.float32(config.mean)
    if config.log == "decibel":
        logarithms *= np.float32(math.log(10) / 10)
    bands = np.exp(logarithms)
    floor = np.float32(config.log_floor)
    bands = np.maximum(bands - floor, 0) if config.floor == "add" else np.where(bands > 1.01 * floor, bands, 0)
    return bands * bands if config.power == 1 else bands


@lru_cache(4)
def noise_energy(config: LogMelConfig, samples: int) -> float:
    """Energy of a frame, all bands together, of white noise at 0 dBFS."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(max(samples, config.sample_rate))
    return 100 * float(energies(log_mel(noise.astype(np.float32), config), config).sum(axis=1).mean())


def level(energy: np.ndarray | float, config: LogMelConfig, samples: int) -> np.ndarray:
    """The white noise, in dBFS, that would have such an energy of a frame; -inf of none."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.asarray(energy) / noise_energy(config, samples))


def usually_exceeded(bands: np.ndarray) -> np.ndarray:
    """The energy that a band has in its loudest tenth of frames at least: single clicks, which hold all frequencies, do
    not count.

    Args:
        bands: (batch, frames, mels); every third frame tells enough.

    Returns:
        (batch, mels).
    """
    some = bands[:, ::3] if bands.shape[1] > 60 else bands
    place = some.shape[1] - 1 - some.shape[1] // 10
    return np.partition(some, place, axis=1)[:, place]


def edge(bands: np.ndarray, config: LogMelConfig) -> float | None:
    """Frequency in Hz above which a clip holds nothing, where it was recorded so: a sharp edge, far below the top.

    Sounds that have no high frequencies by themselves fade; what was recorded at a low rate, or came through a
    telephone, ends like a cliff.

    Args:
        bands: (mels,) energies.
        config: the front end.

    Returns:
        The frequency; None: there is no such edge.
    """
    floor = config.log_floor ** (2 / config.power)
    empty = max(floor, _RANGE * float(bands.max(initial=0.0)))
    above = 10 * np.log10((bands + empty) / empty)
    occupied = np.flatnonzero(above >= _OCCUPIED)
    if not len(occupied):
        return None
    top, mels = int(occupied[-1]), len(bands)
    solid, steep = max(round(_SOLID * mels), 2), max(round(_EDGE * mels), 1)
    beneath, rest = above[max(top - solid, 0) : top + 1], above[top + steep :]
    if top < solid or beneath.min() < _OCCUPIED or not len(rest):
        return None
    usual = float(np.median(beneath))
    if rest.max() > max(_EMPTY, usual - _FALL) or beneath[:-steep].min() < usual - _VALLEY:
        return None
    low, high = hertz_to_mel(np.array([config.fmin, config.fmax]), config.mel_scale)
    frequency = float(mel_to_hertz(low + (high - low) * (top + 1.5) / (mels + 1), config.mel_scale))
    return frequency if _LOWEST <= frequency <= _LOW * config.fmax else None
