"""From a log-mel back to a sound that can be listened to: what a network hears."""

from __future__ import annotations

import numpy as np

from audiotag.frontend.config import LogMelConfig
from audiotag.frontend.filterbank import hann, mel_filterbank

_ROUNDS = 16


def waveform(log_mel: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """A sound whose log-mel is about the one given; its phases are made up by `librosa.griffinlim`.

    Each band's energy is spread over the bins that the band hears: a tone sounds broader than it was.

    Args:
        log_mel: (frames, mels), as `log_mel` gives it.
        config: the front end.

    Returns:
        (samples,) float32, at the front end's sample rate, its peak at 0.9; silence stays silent.
    """
    import librosa
    import scipy.signal

    logarithm = np.asarray(log_mel, np.float64) * config.scale + config.mean
    mel = np.exp(logarithm) if config.log == "natural" else 10 ** (logarithm / 10)
    mel = np.maximum(mel - config.log_floor, 0) if config.floor == "add" else np.where(mel > config.log_floor, mel, 0)
    mel[mel < 1e-3 * config.log_floor] = 0  # what float32 leaves of silence
    bank = mel_filterbank(config)
    # A bin has the mean of the bands that hear it, each brought to the energy of one bin.
    of_one_bin = mel / np.maximum(bank.sum(axis=0), 1e-12)
    magnitudes = (of_one_bin @ bank.T / np.maximum(bank.sum(axis=1), 1e-12)) ** (1 / config.power)
    sound = librosa.griffinlim(
        magnitudes.T,
        n_iter=_ROUNDS,
        hop_length=config.hop,
        win_length=config.window,
        n_fft=config.fft,
        window=hann(config),
        random_state=0,
    )
    if config.preemphasis:
        sound = scipy.signal.lfilter([1.0], [1.0, -config.preemphasis], sound)
    peak = np.abs(sound).max(initial=0.0)
    return (sound * (0.9 / peak) if peak > 0 else sound).astype(np.float32)
