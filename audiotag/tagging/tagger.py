"""The AudioTagger: one Keras model from waveform to scores, with its labels, that tags files of any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from audiotag.clip_format import ClipFormat, HoldsClipFormat, Pad
from audiotag.errors import AudiotagError
from audiotag.frontend.config import LogMelConfig
from audiotag.frontend.config import preset as front_end_preset
from audiotag.frontend.layer import LogMel
from audiotag.labels import Labels
from audiotag.models.frames import longest_frames, shortest_frames
from audiotag.tagging import embeddings, events, tags, waveform_model
from audiotag.tagging.calibration import Calibration
from audiotag.tagging.results import Tag
from audiotag.tagging.waveform_model import Limits
from audiotag.tagging.windows import Windows
from audiotag.task import Task


@keras.saving.register_keras_serializable(package="audiotag")
class AudioTagger(keras.Model, HoldsClipFormat):
    """Waveform to scores: log-mel front end, network, calibration, sigmoid or softmax.

    `tagger.save("tagger.keras")` writes all of it into one file, which `keras.saving.load_model` opens wherever
    audiotag has been imported, on TensorFlow, JAX and PyTorch.

    Args:
        network: functional Keras model, (batch, frames, mels, 1) -> logits (batch, classes).
        labels: vocabulary in the order of the logits.
        front_end: log-mel configuration, or the name of a preset; its sample rate is the tagger's.
        task: "multilabel" (scores by sigmoid) or "multiclass" (by softmax).
        seconds: length of a window, seconds; that of the clips of training.
        pad: what a signal shorter than a window is filled up with: "repeat" itself, "zero", or "none" at all.
        calibration: what comes before sigmoid or softmax, or in their place; in the graph and in every export.
        thresholds: score from which each label counts as found, (classes,) in (0, 1], fitted on whole clips.
        thresholds_from: where they come from, for people: "best F1 on fold1 of esc10 …".
        name: name of the Keras model.

    Input: (batch, samples), float32 in [-1, 1], at `sample_rate` Hz. Output: (batch, classes), float32 in [0, 1].

    Raises:
        AudiotagError: network, labels, front end, calibration and thresholds do not fit each other.
    """

    def __init__(
        self,
        network: keras.Model,
        labels: Labels,
        front_end: LogMelConfig | str = "efficientat",
        task: Task | str = "multilabel",
        seconds: float = 10.0,
        pad: Pad = "repeat",
        *,
        calibration: Calibration | None = None,
        thresholds: Sequence[float] | None = None,
        thresholds_from: str = "",
        name: str = "audio_tagger",
    ) -> None:
        # float32 whatever the global policy: Keras would round the waveform to half precision on its way in.
        super().__init__(name=name, dtype="float32")
        self.network = network
        self.clip_format = ClipFormat(labels, front_end_preset(front_end), Task(task), seconds, pad)
        self.calibration = calibration
        self.thresholds = None if thresholds is None else tuple(float(threshold) for threshold in thresholds)
        self.thresholds_from = thresholds_from
        self._check()
        self.log_mel = LogMel(self.front_end)
        if keras.config.backend() == "tensorflow":
            self.jit_compile = False  # XLA compiles for seconds at every new length; a plain graph takes any
        self.built = True

    def _check(self) -> None:
        *_, mels, _ = self.network.input_shape
        if mels not in (None, self.front_end.mels):
            raise AudiotagError(
                f"network and front end must have the same mels: {self.network.name} takes {mels}, "
                f"{self.front_end.name} gives {self.front_end.mels}"
            )
        if self.network.output_shape[-1] != len(self.labels):
            raise AudiotagError(
                f"a tagger needs one label an output, received {len(self.labels)} labels for "
                f"{self.network.output_shape[-1]} outputs of {self.network.name}"
            )
        if self.calibration is not None and self.calibration.classes not in (None, len(self.labels)):
            raise AudiotagError(
                f"a calibration must be for {len(self.labels)} classes, received one for {self.calibration.classes}"
            )
        thresholds = (0.5,) * len(self.labels) if self.thresholds is None else self.thresholds
        if len(thresholds) != len(self.labels) or not all(0 < threshold <= 1 for threshold in thresholds):
            raise AudiotagError(
                f"a tagger needs {len(self.labels)} thresholds above 0 and at most 1, one a label, received "
                f"{len(thresholds)} from {min(thresholds, default=None)} to {max(thresholds, default=None)}"
            )

    @property
    def sample_rate(self) -> int:
        """Sample rate of the waveforms that `call` takes, Hz."""
        return self.front_end.sample_rate

    @property
    def activation(self) -> str:
        """What makes scores of logits: "sigmoid" or "softmax"."""
        return self.task.activation

    @cached_property
    def limits(self) -> Limits:
        """Shortest and longest input of the network, frames."""
        return Limits(self.network.name, shortest_frames(self.network), longest_frames(self.network))

    def call(self, waveforms: Any, training: bool | None = None) -> Any:
        """Scores of a batch of waveforms, calibrated: (batch, samples) float32 -> (batch, classes) float32."""
        logits = self.network(self.log_mel(waveforms), training=training)
        if self.calibration is not None:
            return self.calibration.apply(logits, self.task)
        return keras.activations.get(self.activation)(ops.cast(logits, "float32"))

    def get_config(self) -> dict[str, Any]:
        """Everything `from_config` needs: the network serialised by Keras, the rest as plain values."""
        return {
            "name": self.name,
            "network": keras.saving.serialize_keras_object(self.network),
            **self.clip_format.to_dict(),
            "calibration": self.calibration and self.calibration.to_dict(),
            "thresholds": self.thresholds and list(self.thresholds),
            "thresholds_from": self.thresholds_from,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> AudioTagger:
        """The tagger that `get_config` described, its weights not yet loaded."""
        return cls(
            **{
                **config,
                "network": keras.saving.deserialize_keras_object(config["network"], custom_objects=custom_objects),
                "labels": Labels(tuple(config["labels"]["names"]), tuple(config["labels"]["ids"])),
                "front_end": LogMelConfig.from_dict(config["front_end"]),
                "calibration": config.get("calibration") and Calibration.from_dict(config["calibration"]),
            }
        )

    def window_and_hop(self, window: float | None = None, hop: float | None = None) -> tuple[int, int]:
        """Window and hop in samples.

        Args:
            window: seconds; None: the tagger's own `seconds`.
            hop: seconds; None: the window, so that windows do not overlap.

        Raises:
            AudiotagError: not positive, too short for the front end, or not what the network takes.
        """
        return waveform_model.window_and_hop(self, window, hop)

    def scores(
        self,
        source: str | Path | np.ndarray,
        *,
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores of every window of a file or waveform; arguments as of `tag`.

        Returns:
            First sample of each window at the tagger's sample rate (windows,), int64;
            scores (windows, classes), float32.
        """
        return tags.scores(self, source, window=window, hop=hop, sample_rate=sample_rate)

    def tag(
        self,
        source: str | Path | np.ndarray,
        top: int | None = 5,
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
        threshold: float | None = None,
    ) -> list[Tag]:
        """Name the sounds of a file or waveform of any length.

        The last window is moved back to end with the signal. A signal shorter than a window is filled up by the
        tagger's pad policy. A window in which no label reaches its threshold has no tag.

        Args:
            source: sound file (any rate, any number of channels), or mono waveform (samples,) in [-1, 1].
            top: labels a window; None: all.
            window: seconds; None: the tagger's own length.
            hop: seconds from window to window; None: the window.
            sample_rate: rate of the waveform, Hz; None: the tagger's. A file states its own.
            threshold: smallest score that is given back, 0 to 1. None: for each label the tagger's own threshold, or 0
                where it has none.

        Returns:
            Tags, window by window, best first in each.

        Raises:
            AudioError: the file or waveform cannot be used.
            AudiotagError: an argument out of range.

        Example:
            >>> tagger.tag("street.wav", top=1)
            [Tag(label='Dog', score=0.83, start=0.0, end=10.0)]
        """
        lengths = {"window": window, "hop": hop, "sample_rate": sample_rate}
        return tags.tag(self, source, top, threshold, **lengths)

    def events(
        self,
        source: str | Path | np.ndarray,
        threshold: float | None = None,
        smooth: float = 0.0,
        min_duration: float = 0.0,
        gap: float = 0.0,
        top: int | None = None,
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
    ) -> list[Tag]:
        """Name the sounds of a file or waveform of any length, each with its beginning and end.

        The network scores every step of time (`audiotag.models.frames.frame_level`; 0.32 s for an MN, 0.04 s for a
        crnn). An event is a run of steps whose score of a label reaches the threshold. The tagger's calibration and
        its own thresholds were fitted on whole clips and are not used: a step hears less than a clip.

        Args:
            source: sound file, or mono waveform (samples,) in [-1, 1].
            threshold: smallest score of a step that belongs to an event, 0 to 1. None: 0.25.
            smooth: length of a running median over the scores, seconds, taken as the nearest odd number of steps; 0,
                as all below two steps: none.
            min_duration: events shorter than this are dropped, seconds.
            gap: events of one label that lie this near to each other become one, seconds; before short ones go.
            top: labels that are kept, by the best score of their events; None: all.
            window: seconds; None: the tagger's own length.
            hop: seconds from window to window; None: the longest by which windows join without a gap.
            sample_rate: rate of the waveform, Hz; None: the tagger's. A file states its own.

        Returns:
            Events in the order of their beginning; `score` is the largest score of a step in the event.

        Raises:
            AudioError: the file or waveform cannot be used.
            AudiotagError: an argument out of range, or a network that keeps no time.

        Example:
            >>> audiotag.load("mn04_as").events("street.wav", min_duration=0.5)
            [Tag(label='Dog', score=0.83, start=1.44, end=2.08)]
        """
        threshold = events.THRESHOLD if threshold is None else threshold
        options = events.EventOptions(threshold, smooth, min_duration, gap, top)
        return events.events(self, source, options, window=window, hop=hop, sample_rate=sample_rate)

    def embed(
        self,
        source: str | Path | np.ndarray,
        layers: str | Sequence[str] = "mid",
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
        timestamps: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """What the network hears in a file or waveform of any length, as a vector, for search or another classifier.

        Args:
            source: sound file, or mono waveform (samples,) in [-1, 1].
            layers: which layers: "mid" (what serves other tasks best), "blocks", "features", "logits", a layer's name
                or a list of these, as of `audiotag.models.embedding_network`.
            window: seconds; None: the tagger's own length; with `timestamps` 1 s, or the tagger's length where that is
                shorter or the network takes no other. HEAR's practice of 0.16 s every 0.05 s is `audiotag.hear`.
            hop: seconds from window to window; None: the window.
            sample_rate: rate of the waveform, Hz; None: the tagger's. A file states its own.
            timestamps: give a vector a window, with its time.

        Returns:
            (dim,), float32: the mean over the windows, each counting by how much of the signal it holds. With
            `timestamps` the centres of the windows in seconds (n,), float64, and their vectors (n, dim), float32.

        Raises:
            AudioError: the file or waveform cannot be used.
            AudiotagError: an argument out of range, or no such layers.

        Example:
            >>> audiotag.load("mn10_as").embed("street.wav").shape
            (600,)
        """
        lengths = {"window": window, "hop": hop, "sample_rate": sample_rate}
        result = embeddings.embed(self, source, layers, timestamps=timestamps, **lengths)
        return ((result.starts + result.ends) / 2, result.vectors) if timestamps else result.vectors[0]

    def windows(
        self,
        source: str | Path | np.ndarray,
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
    ) -> Iterator[Windows]:
        """Windows of a file or waveform at the tagger's rate, as the network takes them; arguments as of `tag`."""
        return waveform_model.windows(self, source, window, hop, sample_rate)
