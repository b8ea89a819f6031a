"""The log-mel spectrogram in NumPy and SciPy: what the builder of records computes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse

from audiotag.errors import AudioError
from audiotag.frontend.config import LogMelConfig
from audiotag.frontend.filterbank import hann, mel_filterbank

_BLOCK = 64  # frames at once: a block stays in the processor's cache, which halves the time


@lru_cache(maxsize=16)
def _constants(config: LogMelConfig) -> tuple[np.ndarray, scipy.sparse.csr_array]:
    """Window and transposed filter bank in float32, the bank sparse: two bands at most hear a bin."""
    return hann(config).astype(np.float32), scipy.sparse.csr_array(mel_filterbank(config).T.astype(np.float32))


def log_mel(waveform: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """Log-mel spectrogram of one waveform, in float32 throughout; no threads, so always the same bytes.

    Args:
        waveform: (samples,), at the front end's sample rate, full scale [-1, 1].
        config: the front end.

    Returns:
        (frames, mels), float32.

    Raises:
        AudioError: not mono, or shorter than one frame.
    """
    signal = np.asarray(waveform, np.float32)
    if signal.ndim != 1:
        raise AudioError(f"a waveform has the shape (samples,), received {signal.shape}: average the channels")
    if len(signal) < config.minimum_samples:
        raise AudioError(
            f"front end {config.name!r} needs at least {config.minimum_samples} samples at {config.sample_rate} Hz, "
            f"received {len(signal)}: fill the waveform up"
        )
    if config.preemphasis:
        signal = signal[1:] - np.float32(config.preemphasis) * signal[:-1]
    if config.padding != "none":
        signal = np.pad(signal, config.margin, mode="reflect" if config.padding == "reflect" else "constant")
    frames = np.lib.stride_tricks.sliding_window_view(signal, config.window)[:: config.hop]
    window, filterbank = _constants(config)
    mel = np.empty((len(frames), config.mels), np.float32)
    for first in range(0, len(frames), _BLOCK):
        spectrum = scipy.fft.rfft(frames[first : first + _BLOCK] * window, config.fft, axis=-1)
        energy = spectrum.real**2
        energy += spectrum.imag**2
        if config.power == 1:
            energy = np.sqrt(energy)
        mel[first : first + _BLOCK] = (filterbank @ energy.T).T
    floor = np.float32(config.log_floor)
    mel = mel + floor if config.floor == "add" else np.maximum(mel, floor)
    logarithm = np.log(mel) if config.log == "natural" else np.float32(10.0) * np.log10(mel)
    return np.ascontiguousarray((logarithm - np.float32(config.mean)) / np.float32(config.scale))
