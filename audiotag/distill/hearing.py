"""What a teacher is given: the log-mel of the records, or what it takes, computed from their waveforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr

from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, log_mel

if TYPE_CHECKING:
    from audiotag.records import Data

Hears = LogMelConfig | int
"""What a teacher takes: log-mel of a front end, or waveforms at a sample rate, Hz."""


@dataclass(frozen=True)
class Hearing:
    """From a batch of records to a teacher's input.

    Args:
        hears: what the teacher takes.
        stored: whether that is the log-mel of the records.
        data_rate: sample rate of the records' waveforms, Hz.
        samples: length of the records' waveforms.
    """

    hears: Hears
    stored: bool
    data_rate: int
    samples: int

    @property
    def sample_rate(self) -> int:
        """Rate of what the teacher hears, Hz."""
        return self.hears if isinstance(self.hears, int) else self.hears.sample_rate

    @property
    def length(self) -> int:
        """Length of the input: samples of a waveform, frames of a log-mel."""
        samples = (2 * self.samples * self.sample_rate + self.data_rate) // (2 * self.data_rate)  # as soxr rounds
        return samples if isinstance(self.hears, int) else self.hears.frames(samples)

    def describe(self) -> str:
        """One phrase for people."""
        if self.stored:
            return "the log-mel of the records"
        what = "waveforms" if isinstance(self.hears, int) else f"log-mel {self.hears.name!r} of waveforms"
        if self.sample_rate == self.data_rate:
            return f"{what} at {self.sample_rate} Hz"
        return f"{what} resampled from {self.data_rate} to {self.sample_rate} Hz (soxr HQ)"

    def input(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """The teacher's input.

        Args:
            batch: `log_mel` (batch, frames, mels, 1) and, unless that is enough, `waveform` (batch, samples).

        Returns:
            Log-mel (batch, frames, mels, 1) or waveforms (batch, samples), float32.
        """
        if self.stored:
            return batch["log_mel"]
        waveforms = batch["waveform"]
        if self.sample_rate != self.data_rate:
            rates = (self.data_rate, self.sample_rate)
            waveforms = np.stack([soxr.resample(row, *rates, quality="HQ") for row in waveforms])
        if isinstance(self.hears, int):
            return waveforms
        return np.stack([log_mel(row, self.hears) for row in waveforms])[..., None]


def of(teacher: str, hears: Hears, data: Data) -> Hearing:
    """How a teacher hears a data set.

    Args:
        teacher: its name, for messages.
        hears: what it takes.
        data: the data set.

    Raises:
        AudiotagError: it needs waveforms and the data set keeps none, or the examples are too short for it.
    """
    difference = "waveforms" if isinstance(hears, int) else hears.difference(data.front_end)
    hearing = Hearing(hears, not difference, data.front_end.sample_rate, data.samples)
    if difference and not data.waveforms:
        if isinstance(hears, int):
            raise AudiotagError(
                f"teacher {teacher} takes waveforms, {data.name} was built without them: "
                "build it again with --keep-waveforms"
            )
        raise AudiotagError(
            f"teacher {teacher} hears through the front end {hears.name!r}, {data.name} was built with "
            f"{data.front_end.name!r} ({difference}): build the data set with the teacher's front end, or with "
            "--keep-waveforms"
        )
    if hearing.length < 1:
        raise AudiotagError(
            f"the {data.seconds:g} s of the examples of {data.name} are too short for teacher {teacher}: "
            "build the data set with more seconds"
        )
    return hearing


def check_length(teacher: str, hearing: Hearing, length: int | None, data: Data) -> None:
    """Refuse a teacher that takes another length than the examples have.

    Args:
        teacher: its name, for messages.
        hearing: how it hears the data set.
        length: frames or samples that it takes; None: any.
        data: the data set.
    """
    if length not in (None, hearing.length):
        unit = "samples" if isinstance(hearing.hears, int) else "frames"
        raise AudiotagError(
            f"teacher {teacher} takes {length} {unit}, the examples of {data.name} have {hearing.length}: "
            "build the data set with the teacher's seconds"
        )
