"""What a model takes: log-mel of a front end, waveforms of a rate, or what each of several models takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from audiotag import audio, frontend
from audiotag.clip_format import Pad
from audiotag.frontend import LogMelConfig


@dataclass(frozen=True)
class LogMelInput:
    """A model takes log-mel.

    Args:
        front_end: which log-mel.
        frames: how many frames; None: any.
        channels_first: PyTorch's layout, (batch, 1, mels, frames), instead of (batch, frames, mels, 1).
        rank: 4, or 3 where the axis of the one channel is left out.
    """

    front_end: LogMelConfig
    frames: int | None = None
    channels_first: bool = False
    rank: int = 4

    @property
    def sample_rate(self) -> int:
        """Rate of the sound that it is computed from, Hz."""
        return self.front_end.sample_rate

    @property
    def seconds(self) -> float | None:
        """Shortest sound that gives as many frames; None: any length."""
        if self.frames is None:
            return None
        samples = self.frames * self.front_end.hop + self.front_end.window
        samples -= (self.front_end.frames(samples) - self.frames) * self.front_end.hop
        return samples / self.sample_rate

    def describe(self) -> str:
        """One phrase for people."""
        layout = "(batch, 1, mels, frames)" if self.channels_first else "(batch, frames, mels, 1)"
        layout = layout if self.rank == 4 else layout.replace("1, ", "").replace(", 1", "")
        return f"log-mel {self.front_end.name!r} {layout}"

    def of_waveforms(self, waveforms: np.ndarray, sample_rate: int) -> np.ndarray:
        """Log-mel (batch, frames, mels, 1) float32 of waveforms (batch, samples)."""
        waveforms = _resampled(waveforms, sample_rate, self.sample_rate)
        return np.stack([frontend.log_mel(row, self.front_end) for row in waveforms])[..., None]

    def arrange(self, batch: np.ndarray) -> tuple[np.ndarray, int]:
        """Log-mel (batch, frames, mels, 1) in the model's layout, and the inputs a clip: 1."""
        arranged = batch.transpose(0, 3, 2, 1) if self.channels_first else batch
        if self.rank == 3:
            arranged = arranged[:, 0] if self.channels_first else arranged[..., 0]
        return np.ascontiguousarray(arranged, np.float32), 1


@dataclass(frozen=True)
class WaveformInput:
    """A model takes waveforms.

    Args:
        sample_rate: Hz.
        samples: how many; None: any. Of a longer clip it is given windows, the last one moved back to end with it.
        pad: how a clip shorter than `samples` is filled up; "none" stands for "repeat" there.
        rank: 2 for (batch, samples), 1 for (samples,), one at a time.
    """

    sample_rate: int
    samples: int | None = None
    pad: Pad = "repeat"
    rank: int = 2

    front_end = None

    @property
    def seconds(self) -> float | None:
        """Length that it takes; None: any."""
        return None if self.samples is None else self.samples / self.sample_rate

    def describe(self) -> str:
        """One phrase for people."""
        length = "" if self.samples is None else f", {self.samples} samples"
        return f"waveform at {self.sample_rate} Hz{length}"

    def of_waveforms(self, waveforms: np.ndarray, sample_rate: int) -> np.ndarray:
        """Waveforms (batch, samples) at the model's rate."""
        return _resampled(waveforms, sample_rate, self.sample_rate)

    def arrange(self, batch: np.ndarray) -> tuple[np.ndarray, int]:
        """Windows (batch * windows, samples) of waveforms (batch, samples), and the windows a clip."""
        length = batch.shape[1]
        if self.samples in (None, length):
            return np.ascontiguousarray(batch, np.float32), 1
        if length < self.samples:
            pad = "zero" if self.pad.startswith("zero") else "repeat"
            return np.stack([audio.fit(row, self.samples, pad) for row in batch]), 1
        starts = audio.windows(length, self.samples, self.samples)
        cut = [row[start : start + self.samples] for row in batch for start in starts]
        return np.ascontiguousarray(np.stack(cut), np.float32), len(starts)


@dataclass(frozen=True)
class SeveralInputs:
    """What the members of an ensemble take, side by side; a batch of it is a tuple of theirs.

    Args:
        names: of the members.
        members: what each takes.
    """

    names: tuple[str, ...]
    members: tuple[Any, ...]

    @property
    def sample_rate(self) -> int:
        """The highest rate of the members, Hz; the others' sound is resampled from it."""
        return max(member.sample_rate for member in self.members)

    @property
    def front_end(self) -> LogMelConfig | None:
        """The front end of them all; None where they have several, or none."""
        front_ends = {member.front_end for member in self.members}
        return self.members[0].front_end if len(front_ends) == 1 else None

    @property
    def seconds(self) -> float | None:
        """Length of those that take no other; None: any."""
        return next((member.seconds for member in self.members if member.seconds is not None), None)

    def describe(self) -> str:
        """One phrase for people."""
        return "; ".join(dict.fromkeys(member.describe() for member in self.members))

    def of_waveforms(self, waveforms: np.ndarray, sample_rate: int) -> tuple[np.ndarray, ...]:
        """What every member takes of waveforms (batch, samples)."""
        return tuple(member.of_waveforms(waveforms, sample_rate) for member in self.members)


Input = LogMelInput | WaveformInput | SeveralInputs
Run = Callable[[Any], np.ndarray]
"""From inputs to outputs (batch, classes)."""


def of_clips(takes: LogMelInput | WaveformInput, run: Run) -> Run:
    """A function of whole clips, of one whose input is laid out, or cut into windows, as a model takes it.

    Args:
        takes: what the model takes.
        run: that input, float32, to outputs.

    Returns:
        From log-mel (batch, frames, mels, 1), or waveforms (batch, samples), to outputs (batch, classes) float64; of a
        clip in several windows their mean.
    """

    def outputs(batch: np.ndarray) -> np.ndarray:
        arranged, windows = takes.arrange(batch)
        values = np.asarray(run(arranged), np.float64)
        return values if windows == 1 else values.reshape(len(batch), windows, -1).mean(axis=1)

    return outputs


def of_size(run: Run, size: int) -> Run:
    """A function of any batch, of one that is to be given `size` inputs at a time.

    A short last batch is filled up with its own inputs: a new shape may be a new compilation, and a matrix product may
    round differently in it.

    Args:
        run: `size` inputs, or a tuple of as many of several kinds, to outputs.
        size: inputs at a time.
    """

    def outputs(batch: Any) -> np.ndarray:
        several = batch if isinstance(batch, tuple) else (batch,)
        values = []
        for start in range(0, len(several[0]), size):
            parts = [inputs[start : start + size] for inputs in several]
            filled = tuple(np.resize(part, (size, *part.shape[1:])) for part in parts)
            values.append(np.asarray(run(filled if isinstance(batch, tuple) else filled[0]))[: len(parts[0])])
        return np.concatenate(values)

    return outputs


def resampled_length(samples: int, sample_rate: int, wanted: int) -> int:
    """Samples of a waveform of `samples` once it is resampled from one rate to another, as soxr rounds."""
    return (2 * samples * wanted + sample_rate) // (2 * sample_rate)


def _resampled(waveforms: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    if sample_rate == wanted:
        return waveforms
    return np.stack([soxr.resample(row, sample_rate, wanted, quality="HQ") for row in waveforms])
