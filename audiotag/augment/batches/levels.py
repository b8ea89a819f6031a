"""Levels of sounds in the log-mel of a front end: silence, and amplification."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from audiotag.frontend.config import LogMelConfig

MOST_DECIBELS = 60.0
"""The strongest amplification: what is louder by a factor of 1000 is another recording."""

_ROUNDING = 2.0**-8  # of a value near the floor, in bfloat16


def _per_neper(front_end: LogMelConfig) -> float:
    """What a factor of e in a mel band adds to the log-mel."""
    return (1.0 if front_end.log == "natural" else 10.0 / math.log(10.0)) / front_end.scale


def silence(front_end: LogMelConfig) -> float:
    """The log-mel of digital silence, its smallest value."""
    return _per_neper(front_end) * math.log(front_end.log_floor) - front_end.mean / front_end.scale


def amplify(log_mel: Any, decibels: Any, front_end: LogMelConfig) -> Any:
    """The log-mel of a waveform that is louder by so many decibels.

    Where the front end adds its floor, this is exact: log(mel + floor) becomes log(gain * mel + floor), and silence
    stays silent. Where it clamps, it is exact above the floor; what lies on it stays there, as nothing is known of it.

    Args:
        log_mel: (batch, frames, mels, 1), float32.
        decibels: of the waveform, float32, of a shape that can be broadcast.
        front_end: of the log-mel.
    """
    per_neper, floor = _per_neper(front_end), silence(front_end)
    nepers = decibels * (math.log(10.0) / 20.0 * front_end.power)
    if front_end.floor == "add":
        of_floor = ops.exp(ops.minimum((floor - log_mel) / per_neper, 0.0))  # its share in mel + floor
        return log_mel + per_neper * ops.log(of_floor + ops.exp(nepers) * (1.0 - of_floor))
    louder = ops.maximum(log_mel + per_neper * nepers, floor)
    return ops.where(log_mel > floor + _ROUNDING * abs(floor), louder, log_mel)
