"""What a recording looks like: the outline of its waveform, and its log-mel in steps of grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag import audio
from audiotag.frontend import LogMelConfig, log_mel
from audiotag.serving.uploads import Sound
from audiotag.serving.work import Stop

COLUMNS = 1600
"""At most, of a picture: more than a screen is wide."""

_DARKEST, _LIGHTEST = 1.0, 99.8  # percentiles of the log-mel


@dataclass(frozen=True)
class Picture:
    """A recording, drawn.

    Args:
        peaks: largest magnitude in each column of time, (columns,), full scale is 1.
        log_mel: (mels, columns), uint8, low bands first; its 1st percentile is 0, its 99.8th 255.
    """

    peaks: np.ndarray
    log_mel: np.ndarray


def draw(sound: Sound, front_end: LogMelConfig, stop: Stop, speed: float = 1.0) -> Picture:
    """Draw a recording, as it is played at a speed.

    Args:
        sound: the recording.
        front_end: of the log-mel.
        stop: of the request.
        speed: as of `audio.Recording`.
    """
    waveform = np.concatenate(list(sound.blocks(stop, front_end.sample_rate, speed)))
    peaks = _columns(np.abs(waveform), np.maximum)
    filled = audio.fit(waveform, max(len(waveform), front_end.minimum_samples), "zero")
    frames = log_mel(filled, front_end)
    low, high = np.percentile(frames, (_DARKEST, _LIGHTEST))
    columns = _columns(frames, np.add, mean=True)
    shades = np.clip((columns - low) / max(float(high - low), 1e-9) * 255, 0, 255).round().astype(np.uint8)
    return Picture(peaks, np.ascontiguousarray(shades.T))


def _columns(rows: np.ndarray, join: np.ufunc, *, mean: bool = False) -> np.ndarray:
    """Rows joined along time, so that at most `COLUMNS` are left, all of one length but for the rounding."""
    if len(rows) <= COLUMNS:
        return rows
    starts = np.linspace(0, len(rows), COLUMNS, endpoint=False).astype(np.int64)
    joined = join.reduceat(rows, starts)
    return joined / np.diff(np.append(starts, len(rows)))[:, None] if mean else joined
