"""A Scorer: whatever scores sound, with a stated input, labels and task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from audiotag.clip_format import Pad
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.scorers.inputs import Input, Run, SeveralInputs
from audiotag.tagging.calibration import Calibration, logits_of
from audiotag.tagging.waveform_model import Limits
from audiotag.task import Task

if TYPE_CHECKING:
    import keras

    from audiotag.tagging import AudioTagger

Outputs = Literal["scores", "logits"]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Whatever scores sound; a `tagging.waveform_model.WaveformModel`.

    Args:
        name: short name: of the run folder, of the file without its suffix, or as published.
        kind: "run", "Keras model", "LiteRT model", "ONNX model", "SavedModel", "function" or "ensemble".
        path: where it lies; of a published model, a function or an ensemble, its name.
        input: what it takes.
        run: that input, of whole clips, to outputs (batch, classes).
        labels: classes in the order of the outputs.
        task: what is asked of a clip; it makes scores of logits.
        outputs: "logits", or "scores" that are probabilities already.
        seconds: length of a window of a longer recording.
        pad: what a recording shorter than a window is filled up with.
        speed: how fast the recordings that it was trained on were played, as of `ClipFormat`.
        checksum: gives the SHA-256 that it is known by.
        about: facts for people, in the order of showing.
        notes: what was assumed about it.
        network: Keras model: what it takes -> logits, where there is one.
        tagger: the same from waveforms to scores, where the network takes log-mel as audiotag's own do.
        calibration: what its scores go through; None: nothing.
        thresholds: (classes,) float64, of its own. None: it has none.
        thresholds_from: where they come from, for people.
        calibration_file: the tagger's file, which holds its calibration. None: a file beside the model may hold it.
        concurrent: whether several threads may call `run` at once.
    """

    name: str
    kind: str
    path: Path
    input: Input
    run: Run = field(repr=False)
    labels: Labels
    task: Task
    outputs: Outputs = "logits"
    seconds: float = 10.0
    pad: Pad = "repeat"
    speed: float | None = 1.0
    checksum: Callable[[], str] = field(default=lambda: "", repr=False)
    about: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    network: keras.Model | None = None
    tagger: AudioTagger | None = None
    calibration: Calibration | None = None
    thresholds: np.ndarray | None = None
    thresholds_from: str = ""
    calibration_file: Path | None = None
    concurrent: bool = False

    @cached_property
    def sha256(self) -> str:
        """What it is known by: of a Keras network the checksum of its weights, however the file was saved."""
        return self.checksum()

    @property
    def sample_rate(self) -> int:
        """Rate of the sound that it takes, Hz."""
        return self.input.sample_rate

    @property
    def front_end(self) -> LogMelConfig | None:
        """The log-mel that it takes; None: it takes waveforms, or several things."""
        return self.input.front_end

    @cached_property
    def limits(self) -> Limits:
        """Which lengths it takes: frames where it has a front end, else samples."""
        if self.tagger is not None:
            return self.tagger.limits
        if not isinstance(self.input, SeveralInputs):
            length = self.input.samples if self.front_end is None else self.input.frames
            return Limits(self.name, length or 1, length)
        length = round(self.seconds * self.sample_rate)
        length = length if self.front_end is None else self.front_end.frames(length)
        return Limits(self.name, length, length)

    def raw(self, batch: Any) -> np.ndarray:
        """Outputs as the model gives them.

        Args:
            batch: what it takes: log-mel (batch, frames, mels, 1), or waveforms (batch, samples) at its sample rate; of
                an ensemble a tuple of what its members take.

        Returns:
            (batch, classes), float64.

        Raises:
            AudiotagError: another number of outputs than of classes.
        """
        values = np.asarray(self.run(batch), np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.labels):
            raise AudiotagError(
                f"a model has one class an output, {self.name} gives {values.shape[-1]} outputs for "
                f"{len(self.labels)} classes: say what they are with --labels"
            )
        return values

    def scores(self, batch: Any) -> np.ndarray:
        """Probabilities (batch, classes) float64, calibrated."""
        return self.calibrated(self.uncalibrated(self.raw(batch)))

    def predict_on_batch(self, waveforms: np.ndarray) -> np.ndarray:
        """Scores (batch, classes) of waveforms (batch, samples) at `sample_rate`."""
        if self.tagger is not None:
            return self.tagger.predict_on_batch(waveforms)
        return self.scores(self.input.of_waveforms(np.asarray(waveforms, np.float32), self.sample_rate))

    def logits_of(self, raw: np.ndarray) -> np.ndarray:
        """Logits (batch, classes) float32 of what `raw` gives; of a model of scores their log-odds, or logarithms."""
        return (raw if self.outputs == "logits" else logits_of(raw, self.task)).astype(np.float32)

    def uncalibrated(self, raw: np.ndarray) -> np.ndarray:
        """Probabilities (batch, classes) float64 of what `raw` gives, before any calibration."""
        if self.outputs == "logits":
            return self.task.probabilities(raw)
        if ((raw < 0) | (raw > 1)).any():
            worst = raw.flat[np.abs(raw - 0.5).argmax()]
            raise AudiotagError(f"scores are in [0, 1], {self.name} gives {worst:g}: are its outputs logits?")
        return raw

    def calibrated(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities after the calibration, of those before it; the same where there is none."""
        return scores if self.calibration is None else self.calibration.scores(scores, self.task)
