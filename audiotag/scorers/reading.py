"""A scorer in front of a data set: what it is given of the records, and its outputs, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.clip_format import describe_speed
from audiotag.errors import AudiotagError
from audiotag.metrics.predictions import NotFiniteError
from audiotag.records import Data, Declaration, clips
from audiotag.scorers.inputs import Input, LogMelInput, Run, SeveralInputs, WaveformInput, of_size, resampled_length
from audiotag.scorers.scorer import Scorer

Batch = dict[str, Any]
"""Records: `clip_id` and `variant`, `log_mel`, `target`, `waveform` where they are read; see `Data.batches`."""


@dataclass(frozen=True)
class Reading:
    """How a scorer reads a data set: the log-mel of the records where that is what it takes, else waveforms.

    Args:
        scorer: what is given the clips.
        data: an open data set.
        recordings: root folder of the recordings, or the declaration of the data set: where waveforms are needed they
            are read from there, at the scorer's rate. None: the records keep them.

    Raises:
        AudiotagError: waveforms are needed and there are none, or the clips have another length than the model takes.
    """

    scorer: Scorer
    data: Data
    recordings: Declaration | Path | None = None

    def __post_init__(self) -> None:
        data = self.data
        for name, takes in self._inputs:
            if self.recordings is None and not data.waveforms and (difference := _difference(takes, data)):
                what = "waveforms"
                if takes.front_end is not None:
                    front_ends = f"{takes.front_end.name!r} instead of {data.front_end.name!r}"
                    what = f"log-mel of another front end {front_ends} ({difference})"
                raise AudiotagError(
                    f"{name} takes {what}, and {data.name} was built without waveforms: to evaluate it, name the "
                    "folder of the recordings with --source; else build the data set again with --keep-waveforms"
                )
            if isinstance(takes, WaveformInput):
                continue
            if (frames := self._length(takes)) < 1:
                raise AudiotagError(
                    f"the {data.seconds:g} s of the examples of {data.name} are too short for {name}: build the data "
                    "set with more seconds"
                )
            if takes.frames not in (None, frames):
                raise AudiotagError(
                    f"{name} takes {takes.frames} frames, the clips of {data.name} ({data.seconds:g} s) have {frames}: "
                    "build the data set with the model's seconds"
                )

    @property
    def _inputs(self) -> list[tuple[str, LogMelInput | WaveformInput]]:
        """What is taken, and by whom."""
        takes = self.scorer.input
        if isinstance(takes, SeveralInputs):
            return list(zip(takes.names, takes.members, strict=True))
        return [(self.scorer.name, takes)]

    @property
    def needs_waveforms(self) -> bool:
        """Whether the log-mel of the records is not enough."""
        return any(_difference(takes, self.data) for _, takes in self._inputs)

    @property
    def _sample_rate(self) -> int:
        """Rate of the waveforms that are read, Hz."""
        return self.data.front_end.sample_rate if self.recordings is None else self.scorer.sample_rate

    def _length(self, takes: LogMelInput | WaveformInput) -> int:
        """Frames or samples of a clip as a model takes it."""
        samples = round(self.data.seconds * self._sample_rate)
        samples = resampled_length(samples, self._sample_rate, takes.sample_rate)
        return samples if takes.front_end is None else takes.front_end.frames(samples)

    @property
    def notes(self) -> list[str]:
        """What the reader must know: what is not taken as the records hold it."""
        notes = []
        if self.scorer.speed != self.data.speed:
            speeds = describe_speed(self.scorer.speed), describe_speed(self.data.speed)
            notes.append(
                f"{self.scorer.name} was trained on recordings played at {speeds[0]}, those of {self.data.name} are "
                f"played at {speeds[1]}"
            )
        for name, takes in self._inputs:
            if not _difference(takes, self.data):
                continue
            what = "waveforms" if takes.front_end is None else f"log-mel {takes.front_end.name!r} of waveforms"
            rate = f"at {takes.sample_rate} Hz"
            if takes.sample_rate != self._sample_rate:
                rate = f"resampled from {self._sample_rate} to {takes.sample_rate} Hz (soxr HQ)"
            notes.append(f"{name} hears {what} {rate}, of the {'recordings' if self.recordings else 'records'}")
            wanted, length = getattr(takes, "samples", None), self._length(takes)
            if wanted is not None and wanted < length:
                notes.append(f"{name} hears {wanted} samples at a time: the outputs of a clip's windows are averaged")
            if wanted is not None and wanted > length:
                how = "followed by silence" if takes.pad.startswith("zero") else "repeated"
                notes.append(f"{name} takes {wanted} samples, the clips have {length}: they are {how}")
        return notes

    def input(self, batch: Batch) -> Any:
        """What the scorer takes, of a batch of records."""
        parts = tuple(
            batch["log_mel"]
            if "log_mel" in batch and not _difference(takes, self.data)
            else takes.of_waveforms(batch["waveform"], self._sample_rate)
            for _, takes in self._inputs
        )
        return parts if isinstance(self.scorer.input, SeveralInputs) else parts[0]

    def outputs(
        self, batch_size: int, split: str | None = None, run: Run | None = None, **chosen: Any
    ) -> Iterator[tuple[Batch, np.ndarray]]:
        """Outputs of records, in the order of the files.

        Args:
            batch_size: records at a time; a short last batch is filled up.
            split: expression of splits. Default: all.
            run: what computes them, of what the scorer takes. Default: `Scorer.raw`.
            chosen: shards and variants, as of `Data.batches`. Default: the untouched clips.

        Yields:
            A batch, and what `run` gives for it: (batch, …, classes).

        Raises:
            NotFiniteError: an output that is not finite, naming the clip.
        """
        run = of_size(self.scorer.raw if run is None else run, batch_size)
        for batch in self._batches(batch_size, split, chosen):
            raw = run(self.input(batch))
            for place in np.argwhere(~np.isfinite(raw))[:1]:
                row, column = place[0], place[-1]
                variant = f", variant {int(batch['variant'][row])}" if self.data.variants else ""
                raise NotFiniteError(
                    f"scores must be finite, {self.scorer.name} gives {raw[tuple(place)]} for clip "
                    f"{batch['clip_id'][row]!r}{variant}, class {self.scorer.labels.names[column]!r}: its weights or "
                    "its input hold NaN or infinity; export or train it again"
                )
            yield batch, raw

    def _batches(self, batch_size: int, split: str | None, chosen: dict[str, Any]) -> Iterator[Batch]:
        if not self.needs_waveforms or self.recordings is None:
            yield from self.data.batches(split, batch_size=batch_size, waveforms=self.needs_waveforms, **chosen)
            return
        read = clips.recorded(self.data, self.recordings, self._sample_rate)
        clip_ids = clips.clips_of(self.data, split or "all")["clip_id"].astype(str)
        for group in (list(clip_ids[start : start + batch_size]) for start in range(0, len(clip_ids), batch_size)):
            yield {
                "clip_id": group,
                "variant": np.zeros(len(group), np.int64),
                "waveform": np.stack([read(clip_id) for clip_id in group]),
            }


def _difference(takes: Input, data: Data) -> str:
    """What makes the log-mel of the records not what a model takes; "" where it is."""
    return "waveforms" if takes.front_end is None else takes.front_end.difference(data.front_end)
