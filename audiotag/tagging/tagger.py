"""The AudioTagger: one Keras model from waveform to scores, with its labels, that tags files of any length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
from keras import ops

from audiotag.clip_format import ClipFormat, HoldsClipFormat, Pad
from audiotag.errors import AudiotagError
from audiotag.frontend.config import LogMelConfig
from audiotag.frontend.config import preset as front_end_preset
from audiotag.frontend.layer import LogMel
from audiotag.labels import Labels
from audiotag.models.frames import longest_frames, shortest_frames
from audiotag.tagging import embeddings, events, tags, transcribing, words
from audiotag.tagging.calibration import Calibration
from audiotag.tagging.event_decoding import EventDecoding
from audiotag.tagging.note_decoding import NoteDecoding
from audiotag.tagging.waveform_model import Limits
from audiotag.task import Task

_RENAMED = {"event_decoding": "step_decoding"}


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
        pad: how a signal shorter than a window is filled up, as of `ClipFormat`.
        speed: how fast the recordings of training were played, as of `ClipFormat`; sound files are played so too.
        calibration: what comes before sigmoid or softmax, or in their place; in the graph and in every export.
        thresholds: score from which each label counts as found, (classes,) in (0, 1], fitted on whole clips.
        thresholds_from: where they come from, for people: "best F1 on fold1 of esc10 …".
        step_decoding: thresholds and medians of steps, by which `events` finds when a sound begins and ends; of notes
            the thresholds by which `transcribe` finds them.
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
        speed: float | None = 1.0,
        calibration: Calibration | None = None,
        thresholds: Sequence[float] | None = None,
        thresholds_from: str = "",
        step_decoding: EventDecoding | NoteDecoding | None = None,
        name: str = "audio_tagger",
    ) -> None:
        # float32 whatever the global policy: Keras would round the waveform to half precision on its way in.
        super().__init__(name=name, dtype="float32")
        self.network = network
        self.clip_format = ClipFormat(labels, front_end_preset(front_end), Task(task), seconds, pad, speed)
        self.calibration = calibration
        self.thresholds = None if thresholds is None else tuple(float(threshold) for threshold in thresholds)
        self.thresholds_from = thresholds_from
        self.step_decoding = step_decoding
        self._check()
        self.log_mel = LogMel(self.front_end)
        if keras.config.backend() == "tensorflow":
            self.jit_compile = False  # XLA compiles for seconds at every new length; a plain graph takes any
        self.built = True

    def _check(self) -> None:
        if self.task.of_tokens:
            raise AudiotagError(
                f"{self.network.name} is a language model of tokens, which names no sounds: audiotag surprise, "
                "continue and evaluate take its run"
            )
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
        decoding = self.step_decoding
        if decoding is not None and isinstance(decoding, NoteDecoding) != self.task.of_notes:
            raise AudiotagError(f"steps of {self.task} are not decoded as {type(decoding).__name__}: leave it out")
        if isinstance(decoding, EventDecoding) and len(decoding.thresholds) != len(self.labels):
            raise AudiotagError(
                f"a decoding of events must be for {len(self.labels)} classes, received one for "
                f"{len(decoding.thresholds)}"
            )

    @cached_property
    def limits(self) -> Limits:
        """Shortest and longest input of the network, frames."""
        return Limits(self.network.name, shortest_frames(self.network), longest_frames(self.network))

    def call(self, waveforms: Any, training: bool | None = None) -> Any:
        """Scores of a batch of waveforms, calibrated: (batch, samples) float32 -> (batch, classes) float32."""
        logits = self.network(self.log_mel(waveforms), training=training)
        if self.calibration is not None:
            return self.calibration.apply(logits, self.task)
        return keras.activations.get(self.task.activation)(ops.cast(logits, "float32"))

    def export(self, filepath: Any, *arguments: Any, input_signature: Any = None, **options: Any) -> None:
        """What Keras exports (`keras.Model.export`), for any number of waveforms of any length where none is stated."""
        if input_signature is None:
            input_signature = [keras.InputSpec(shape=(None, None), dtype="float32", name="waveforms")]
        super().export(filepath, *arguments, input_signature=input_signature, **options)

    def get_config(self) -> dict[str, Any]:
        """Everything `from_config` needs: the network serialised by Keras, the rest as plain values."""
        return {
            "name": self.name,
            "network": keras.saving.serialize_keras_object(self.network),
            **self.clip_format.to_dict(),
            "calibration": self.calibration and self.calibration.to_dict(),
            "thresholds": self.thresholds and list(self.thresholds),
            "thresholds_from": self.thresholds_from,
            "step_decoding": self.step_decoding and self.step_decoding.to_dict(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> AudioTagger:
        """The tagger that `get_config` described, its weights not yet loaded."""
        # Files of the first taggers that kept a decoding call it by the name of the only one that there was.
        config = {_RENAMED.get(name, name): value for name, value in config.items()}
        form = ClipFormat.from_dict(config)
        decoding = NoteDecoding if form.task.of_notes else EventDecoding
        own = {
            **vars(form),
            "network": keras.saving.deserialize_keras_object(config["network"], custom_objects=custom_objects),
            "calibration": config.get("calibration") and Calibration.from_dict(config["calibration"]),
            "step_decoding": config.get("step_decoding") and decoding.from_dict(config["step_decoding"]),
        }
        return cls(**(config | own))

    scores = tags.scores
    tag = tags.tag
    events = events.events
    transcribe = transcribing.transcribe
    words = words.words
    embed = embeddings.embed
