"""A model as an evaluation sees it: what it takes, what its outputs are, and its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from audiotag import audio
from audiotag.distill.hearing import Hearing
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.task import Task

if TYPE_CHECKING:
    import keras

Outputs = Literal["scores", "logits"]


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
    def hears(self) -> LogMelConfig:
        """What it hears, as `distill.hearing` says it."""
        return self.front_end

    def describe(self) -> str:
        """One phrase for people."""
        layout = "(batch, 1, mels, frames)" if self.channels_first else "(batch, frames, mels, 1)"
        layout = layout if self.rank == 4 else layout.replace("1, ", "").replace(", 1", "")
        return f"log-mel {self.front_end.name!r} {layout}"

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
        samples: how many; None: any. A longer clip is heard in windows, the last one moved back to end with the clip.
        pad: "repeat" or "zero": how a clip shorter than `samples` is filled up.
        rank: 2 for (batch, samples), 1 for (samples,), one at a time.
    """

    sample_rate: int
    samples: int | None = None
    pad: Literal["repeat", "zero"] = "repeat"
    rank: int = 2

    @property
    def hears(self) -> int:
        """What it hears, as `distill.hearing` says it."""
        return self.sample_rate

    def describe(self) -> str:
        """One phrase for people."""
        length = "" if self.samples is None else f", {self.samples} samples"
        return f"waveform at {self.sample_rate} Hz{length}"

    def arrange(self, batch: np.ndarray) -> tuple[np.ndarray, int]:
        """Windows (batch * windows, samples) of waveforms (batch, samples), and the windows a clip."""
        length = batch.shape[1]
        if self.samples in (None, length):
            return np.ascontiguousarray(batch, np.float32), 1
        if length < self.samples:
            return np.stack([audio.fit(row, self.samples, self.pad) for row in batch]), 1
        starts = audio.windows(length, self.samples, self.samples)
        cut = [row[start : start + self.samples] for row in batch for start in starts]
        return np.ascontiguousarray(np.stack(cut), np.float32), len(starts)


@dataclass(frozen=True)
class Scorer:
    """A model that can be evaluated.

    Args:
        name: short name: of the run folder, of the file without its suffix, or as published.
        kind: "run", "Keras model", "LiteRT model", "ONNX model" or "SavedModel".
        path: where it lies; of a published model, its name.
        takes: its input.
        run: that input, arranged, (batch, …) float32 -> outputs (batch, classes).
        labels: classes in the order of the outputs.
        task: "multiclass" (softmax) or "multilabel" (sigmoid): what makes scores of logits. None: the data set's.
        outputs: "logits", or "scores" that are probabilities already. None: not known; logits if any value lies
            outside [0, 1].
        about: facts for people, in the order of showing.
        notes: what was assumed about it.
        network: Keras model, log-mel (batch, frames, mels, 1) -> logits, where there is one.
        calibration: what the scores of its network go through (`audiotag.tagging.calibration`); None: nothing.
        thresholds: (classes,), of its own. None: it has none.
        thresholds_from: where they come from, for people.
    """

    name: str
    kind: str
    path: Path
    takes: LogMelInput | WaveformInput
    run: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    labels: Labels
    task: str | None = None
    outputs: Outputs | None = None
    about: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    network: keras.Model | None = None
    calibration: Any | None = None
    thresholds: np.ndarray | None = None
    thresholds_from: str = ""

    def raw(self, batch: np.ndarray) -> np.ndarray:
        """Outputs as the model gives them; of a clip in several windows their mean.

        Args:
            batch: what it takes: log-mel (batch, frames, mels, 1), or waveforms (batch, samples) at its sample rate.

        Returns:
            (batch, classes), float64.
        """
        inputs, windows = self.takes.arrange(batch)
        outputs = np.asarray(self.run(inputs), np.float64)
        return outputs.reshape(len(batch), windows, -1).mean(axis=1)

    def settled(self, raw: np.ndarray, task: str) -> Scorer:
        """The same with what was open decided: whether outputs like `raw` are logits, and the task."""
        found: Outputs = "logits" if ((raw < 0) | (raw > 1)).any() else "scores"
        return replace(self, outputs=self.outputs or found, task=self.task or task)

    def uncalibrated(self, raw: np.ndarray) -> np.ndarray:
        """Probabilities (batch, classes) float64 of outputs, before any calibration; once it is settled."""
        return Task(self.task).probabilities(raw) if self.outputs == "logits" else raw

    def calibrated(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities after the calibration, of those before it; the same where there is none."""
        return scores if self.calibration is None else self.calibration.scores(scores, self.task)

    def scores(self, batch: np.ndarray) -> np.ndarray:
        """Probabilities (batch, classes) float64, calibrated, of what it takes; once it is settled."""
        return self.calibrated(self.uncalibrated(self.raw(batch)))

    @property
    def sample_rate(self) -> int:
        """Rate of the sound that it hears, Hz."""
        return self.takes.hears if isinstance(self.takes, WaveformInput) else self.takes.front_end.sample_rate

    def listen(self, waveforms: np.ndarray) -> np.ndarray:
        """Scores (batch, classes) float64 of waveforms (batch, samples) at `sample_rate`; once it is settled."""
        hearing = Hearing(self.takes.hears, False, self.sample_rate, waveforms.shape[1])
        return self.scores(hearing.input({"waveform": waveforms.astype(np.float32)}))
