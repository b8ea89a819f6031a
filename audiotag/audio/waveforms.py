"""Waveforms: what may be one, filling up, and where windows lie."""

from __future__ import annotations

from typing import Literal

import numpy as np

from audiotag.audio.formats import MAX_SAMPLE_RATE
from audiotag.errors import AudioError, AudiotagError

LOUDEST_SAMPLE = 100.0
"""Full scale is 1; what lies 40 dB beyond is no sound but a mistake of whatever wrote it."""

SHORTEST_REST = 0.02
"""Of a window: encoders lengthen a recording by some milliseconds, which are no window."""


def fit(waveform: np.ndarray, samples: int, pad: Literal["repeat", "zero"] = "repeat") -> np.ndarray:
    """Make a waveform exactly `samples` long: cut at its end, or filled up.

    Args:
        waveform: (samples,), not empty.
        samples: wanted length, at least 1.
        pad: "repeat" plays the sound again until full, "zero" appends silence. Default: "repeat".

    Returns:
        (samples,), float32.
    """
    waveform = checked(waveform, "the waveform")
    if samples < 1:
        raise AudiotagError(f"a waveform is fitted to at least 1 sample, received {samples}")
    if pad not in ("repeat", "zero"):
        raise AudiotagError(f"pad must be 'repeat' or 'zero', received {pad!r}")
    if not len(waveform):
        raise AudioError("a waveform without samples cannot be filled up: give at least one sample")
    if len(waveform) >= samples:
        return waveform[:samples].copy()
    if pad == "repeat":
        return np.resize(waveform, samples)
    return np.pad(waveform, (0, samples - len(waveform)))


def windows(samples: int, window: int, hop: int) -> list[int]:
    """First samples of the windows that cover a signal.

    Windows start at 0, hop, 2 hop … The last one is moved back so that it ends where the signal ends, and none hangs
    over. A rest shorter than 2 % of a window is none of its own: it is left out. A signal shorter than one window
    gives [0].

    Args:
        samples: length of the signal, not negative.
        window: length of a window in samples, at least 1.
        hop: distance of two windows in samples, at least 1.

    Returns:
        Starts in samples, strictly increasing.
    """
    if window < 1 or hop < 1:
        raise AudiotagError(f"window and hop must be at least one sample, received window {window} and hop {hop}")
    last = max(samples - window, 0)
    starts = [*range(0, last, hop), last]
    if len(starts) > 1 and 0 < last - starts[-2] < SHORTEST_REST * window:
        starts.pop()
    return starts


def checked(waveform: np.ndarray, name: str) -> np.ndarray:
    """The waveform as float32, once it is known to be mono and finite."""
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 1:
        raise AudioError(f"{name} must be mono of shape (samples,), received shape {waveform.shape}: average channels")
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name} holds NaN or infinite samples: repair or leave it out")
    return waveform


def check_level(samples: np.ndarray, name: str) -> float:
    """The largest magnitude of samples that were read, once they are known to be sound; 0.0 of none.

    Args:
        samples: of any shape.
        name: of where they come from, for messages.

    Raises:
        AudioError: NaN or infinite samples, or magnitudes beyond `LOUDEST_SAMPLE`.
    """
    peak = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
    if not np.isfinite(peak):
        raise AudioError(f"{name} holds NaN or infinite samples: repair or leave it out")
    if peak > LOUDEST_SAMPLE:
        remedy = "repair or leave it out"
        if peak <= 32768:
            remedy = "it looks like 16-bit integers written as floats: divide its samples by 32768"
        elif peak <= 2**31:
            remedy = "if these are integers written as floats, divide them by their full scale (2147483648 of 32 bits)"
        raise AudioError(f"{name} has a sample of {peak:g}, full scale is 1 and {LOUDEST_SAMPLE:g} the limit: {remedy}")
    return peak


def check_sample_rate(sample_rate: int) -> None:
    """Refuse what is no rate of samples."""
    if not 1 <= sample_rate <= MAX_SAMPLE_RATE or sample_rate != int(sample_rate):
        raise AudiotagError(f"a sample rate is a whole number of Hz, 1 to {MAX_SAMPLE_RATE}, received {sample_rate}")
