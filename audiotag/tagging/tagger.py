"""The AudioTagger: one Keras model from waveform to scores, with its labels, that tags files of any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np
import soxr
from keras import ops

from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend.config import LogMelConfig
from audiotag.frontend.config import preset as front_end_preset
from audiotag.frontend.layer import LogMel
from audiotag.labels import Labels
from audiotag.models.frames import longest_frames, shortest_frames
from audiotag.tagging.calibration import Calibration
from audiotag.tagging.results import Tag
from audiotag.tagging.windows import Pad, Windows, windows_of

ACTIVATIONS = {"multilabel": "sigmoid", "multiclass": "softmax"}


@keras.saving.register_keras_serializable(package="audiotag")
class AudioTagger(keras.Model):
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
        task: Literal["multilabel", "multiclass"] = "multilabel",
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
        self.labels = labels
        self.front_end = front_end_preset(front_end)
        self.task = task
        self.seconds = float(seconds)
        self.pad = pad
        self.calibration = calibration
        self.thresholds = None if thresholds is None else tuple(float(threshold) for threshold in thresholds)
        self.thresholds_from = thresholds_from
        self._check()
        self.log_mel = LogMel(self.front_end)
        if keras.config.backend() == "tensorflow":
            self.jit_compile = False  # XLA compiles for seconds at every new length; a plain graph takes any
        self.built = True

    def _check(self) -> None:
        if self.task not in ACTIVATIONS:
            raise AudiotagError(f"task must be multilabel or multiclass, received {self.task!r}")
        if self.pad not in get_args(Pad):
            raise AudiotagError(f"pad must be one of {', '.join(get_args(Pad))}, received {self.pad!r}")
        if not self.seconds > 0:
            raise AudiotagError(f"seconds must be positive, received {self.seconds}")
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
        given = (0.5,) * len(self.labels) if self.thresholds is None else self.thresholds
        if len(given) != len(self.labels) or not all(0 < threshold <= 1 for threshold in given):
            raise AudiotagError(
                f"a tagger needs {len(self.labels)} thresholds above 0 and at most 1, one a label, received "
                f"{len(given)} from {min(given, default=None)} to {max(given, default=None)}"
            )

    @property
    def sample_rate(self) -> int:
        """Sample rate of the waveforms that `call` takes, Hz."""
        return self.front_end.sample_rate

    @property
    def activation(self) -> str:
        """What makes scores of logits: "sigmoid" or "softmax"."""
        return ACTIVATIONS[self.task]

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
            "labels": {"names": list(self.labels.names), "ids": list(self.labels.ids)},
            "front_end": self.front_end.to_dict(),
            "task": self.task,
            "seconds": self.seconds,
            "pad": self.pad,
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
        window = self.seconds if window is None else window
        hop = window if hop is None else hop
        if not (0 < window < float("inf") and 0 < hop < float("inf")):
            raise AudiotagError(f"window and hop must be positive seconds, received {window} and {hop}")
        samples, step = round(window * self.sample_rate), max(round(hop * self.sample_rate), 1)
        self._check_frames(samples)
        return samples, step

    def _check_frames(self, samples: int) -> None:
        frames, wanted = self.front_end.frames(samples), self.network.input_shape[1]
        if frames < 1:
            least = self.front_end.minimum_samples
            raise AudioError(
                f"at least {least} samples ({least / self.sample_rate:.3f} s) are needed, received {samples}"
            )
        given = f"{samples / self.sample_rate:g} s give {frames}"
        if wanted not in (None, frames):
            raise AudiotagError(
                f"{self.network.name} takes exactly {wanted} frames, {given}: use windows of {self.seconds:g} s"
            )
        shortest, longest = self._lengths
        if frames < shortest:
            raise AudioError(f"{self.network.name} takes at least {shortest} frames, {given}: use longer clips")
        if longest is not None and frames > longest:
            raise AudiotagError(
                f"{self.network.name} takes at most {longest} frames, {given}: use windows of {self.seconds:g} s"
            )

    @cached_property
    def _lengths(self) -> tuple[int, int | None]:
        """Shortest and longest input of the network, frames."""
        return shortest_frames(self.network), longest_frames(self.network)

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
        parts = list(self._scored(source, window, hop, sample_rate))
        return np.concatenate([part.starts for part, _ in parts]), np.concatenate([scores for _, scores in parts])

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
        if top is not None and top < 1:
            raise AudiotagError(f"top must be at least 1, or None for all labels; received {top}")
        least, tags = self.least_scores(threshold), []
        for part, scores in self._scored(source, window, hop, sample_rate):
            for start, end, row in zip(part.starts, part.ends, scores, strict=True):
                begin, finish = float(start) / self.sample_rate, float(end) / self.sample_rate
                order = np.argsort(-row, kind="stable")
                for index in order[row[order] >= least[order]][:top]:
                    tags.append(Tag(self.labels.names[index], float(row[index]), begin, finish))
        return tags

    def least_scores(self, threshold: float | None = None) -> np.ndarray:
        """Smallest score of each label that `tag` gives back: (classes,), float64; `threshold` as of `tag`."""
        if threshold is None:
            return np.array(self.thresholds or [0.0] * len(self.labels))
        if not 0 <= threshold <= 1:
            raise AudiotagError(f"threshold must be a score from 0 to 1, received {threshold}")
        return np.full(len(self.labels), float(threshold))

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
        from audiotag.tagging import events

        options = {"smooth": smooth, "min_duration": min_duration, "gap": gap, "top": top}
        lengths = {"window": window, "hop": hop, "sample_rate": sample_rate}
        threshold = events.THRESHOLD if threshold is None else threshold
        return events.events(self, source, threshold=threshold, **options, **lengths)

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
        from audiotag.tagging import embeddings

        options = {"window": window, "hop": hop, "sample_rate": sample_rate, "timestamps": timestamps}
        found = embeddings.embed(self, source, layers, **options)
        return ((found.starts + found.ends) / 2, found.vectors) if timestamps else found.vectors[0]

    def _scored(
        self, source: str | Path | np.ndarray, window: float | None, hop: float | None, sample_rate: int | None
    ) -> Iterator[tuple[Windows, np.ndarray]]:
        for part in self.windows(source, window, hop, sample_rate):
            yield part, self.predict_on_batch(part.waveforms)

    def windows(
        self,
        source: str | Path | np.ndarray,
        window: float | None = None,
        hop: float | None = None,
        sample_rate: int | None = None,
    ) -> Iterator[Windows]:
        """Windows of a file or waveform at the tagger's rate, as the network takes them; arguments as of `tag`."""
        samples, step = self.window_and_hop(window, hop)
        if not isinstance(source, str | Path):
            signal = self._waveform(source, sample_rate)
        elif sample_rate is None:
            signal = Path(source)
        else:
            raise AudiotagError(f"sample_rate is for waveforms, received {sample_rate} with a file: leave it out")
        for part in windows_of(signal, self.sample_rate, window=samples, hop=step, pad=self.pad):
            self._check_frames(part.waveforms.shape[1])
            yield part

    def _waveform(self, waveform: np.ndarray, sample_rate: int | None) -> np.ndarray:
        """A waveform as (samples,), float32, at the tagger's rate."""
        waveform = np.asarray(waveform)
        if waveform.ndim != 1 or not len(waveform) or not np.issubdtype(waveform.dtype, np.floating):
            raise AudioError(
                "a waveform must be mono floats of shape (samples,) in [-1, 1] and not empty, "
                f"received {waveform.dtype} of shape {waveform.shape}"
            )
        if not np.isfinite(waveform).all():
            raise AudioError("a waveform must be finite, received NaN or infinite samples")
        waveform = waveform.astype(np.float32)
        if sample_rate in (None, self.sample_rate):
            return waveform
        if sample_rate < 1:
            raise AudiotagError(f"sample_rate must be positive, received {sample_rate}")
        return soxr.resample(waveform, sample_rate, self.sample_rate, quality="HQ")
