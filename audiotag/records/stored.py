"""How the log-mel of a record is stored: in 16 bits, in 8 bits of a range, or not at all: computed when it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError, suggest
from audiotag.frontend import LogMelConfig
from audiotag.frontend.filterbank import hann, mel_filterbank

Kind = Literal["float16", "uint8", "waveform"]
_STEPS = 255
_DECIMALS = 4  # of the range: no processor's rounding reaches them


@dataclass(frozen=True)
class StoredLogMel:
    """How log-mel values are stored.

    Args:
        kind: "float16"; "uint8": `low + value / 255 * (high - low)`, half the size; "waveform": not at all, the
            waveform of every view is kept, and its log-mel is computed when it is read.
        low: of "uint8", the log-mel of silence.
        high: of "uint8", what no waveform within full scale exceeds; what does is stored as this.
    """

    kind: Kind = "float16"
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, kind: str, config: LogMelConfig) -> StoredLogMel:
        """Of a front end, whose configuration decides the range of "uint8".

        Raises:
            AudiotagError: there is no such kind.
        """
        if kind not in get_args(Kind):
            raise AudiotagError(f"log-mel is not stored as {kind!r}: {suggest(kind, get_args(Kind))}")
        return cls(kind, *_range(config)) if kind == "uint8" else cls(kind)

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> StoredLogMel:
        """Of a data set's description, in which float16 is not mentioned."""
        return cls(**description.get("log_mel", {}))

    def describe(self) -> dict[str, Any]:
        """What a data set's description says of it, ready for JSON; {} for float16."""
        return {} if self.kind == "float16" else {"log_mel": vars(self)}

    @property
    def dtype(self) -> str | None:
        """NumPy's name of the stored values, little-endian; None: there are none."""
        return {"float16": "<f2", "uint8": "u1", "waveform": None}[self.kind]

    def record_bytes(self, clip_format: ClipFormat, waveforms: bool) -> int:
        """Size of a record, about: its log-mel and, where they are kept, its waveform in 16 bits."""
        log_mel = np.dtype(self.dtype).itemsize * clip_format.frames * clip_format.front_end.mels if self.dtype else 0
        return log_mel + 2 * clip_format.samples * (waveforms or self.kind == "waveform")

    def encode(self, log_mel: np.ndarray) -> np.ndarray | None:
        """Values (frames, mels) as they are stored; None where they are not.

        Raises:
            ValueError: a value that float16 cannot hold, NaN and infinities included.
        """
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(log_mel, dtype="<f2")
        if values.ndim != 2 or not np.isfinite(values).all():
            raise ValueError(f"log-mel values must be finite in float16, of shape (frames, mels), got {log_mel.shape}")
        if self.kind == "uint8":
            share = (log_mel - np.float32(self.low)) / np.float32(self.high - self.low)
            return np.clip(np.rint(share * _STEPS), 0, _STEPS).astype("u1")
        return values if self.dtype else None

    def decode(self, stored: Any) -> Any:
        """Log-mel of stored values: arrays or tensors of float32 that hold them, to the same."""
        return stored * ((self.high - self.low) / _STEPS) + self.low if self.kind == "uint8" else stored


FLOAT16 = StoredLogMel()


def _range(config: LogMelConfig) -> tuple[float, float]:
    """Log-mel of silence, and what full scale cannot exceed.

    By Parseval's theorem the powers of the bins of a real frame sum up to at most fft / 2 * sum(window^2), times
    (1 + preemphasis)^2; a band weighs them with at most its largest weight, magnitudes by Cauchy and Schwarz.
    """
    power = config.fft / 2 * float(np.square(hann(config)).sum()) * (1 + config.preemphasis) ** 2
    bank = mel_filterbank(config)
    loudest = power * bank.max() if config.power == 2 else math.sqrt(power * np.square(bank).sum(axis=0).max())
    loudest = loudest + config.log_floor if config.floor == "add" else max(loudest, config.log_floor)
    low, high = (
        (math.log(value) * (1 if config.log == "natural" else 10 / math.log(10)) - config.mean) / config.scale
        for value in (config.log_floor, loudest)
    )
    return round(low, _DECIMALS), round(high, _DECIMALS)
