"""What is exported: a tagger from waveform or log-mel to named outputs, in three stages that a format joins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models import embedding_network
from audiotag.models.frames import frame_steps
from audiotag.models.step_level import step_level
from audiotag.scorers.exported import EMBEDDING, FRAMES, SCORES, Takes
from audiotag.tagging.tagger import AudioTagger
from audiotag.tagging.waveform_model import window_and_hop

if TYPE_CHECKING:
    import tensorflow as tf

WAVEFORM, LOG_MEL = "waveform", "log_mel"
"""Names of the inputs."""

SCOPE = "network/"
"""How the names of the network's operations begin, in a graph of all stages."""

_LOGITS, _FRAME_LOGITS = "logits", "frame_logits"


@dataclass(frozen=True, eq=False)
class Function:
    """A tagger as a function of TensorFlow: front end, network, and what makes scores of its logits.

    Args:
        tagger: what is exported, with its calibration.
        takes: "waveform", (batch, samples) float32 in [-1, 1] at the tagger's rate; or "log-mel", (batch, frames, mels,
            1) float32.
        seconds: length of what it takes; None: any.
        frames: whether the scores of every step of time are an output, shaped as of `models.step_level`.
        embedding: layers, as of `models.embedding_network`, whose averages are an output; None: none.

    Raises:
        AudiotagError: a length that the network does not take, or a network without such outputs.
    """

    tagger: AudioTagger
    takes: Takes = "waveform"
    seconds: float | None = None
    frames: bool = False
    embedding: str | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None:
            window_and_hop(self.tagger, self.seconds)
        elif (longest := self.tagger.limits.longest) is not None:
            raise AudiotagError(
                f"{self.tagger.network.name} takes at most {longest} frames, received any length: leave --seconds "
                f"out for windows of {self.tagger.seconds:g} s"
            )
        _ = self.network  # which refuses what the network does not give

    @property
    def samples(self) -> int | None:
        """Samples of a waveform; None: any."""
        return None if self.seconds is None else round(self.seconds * self.tagger.sample_rate)

    @property
    def length(self) -> int | None:
        """Length of what it takes, samples or frames; None: any."""
        if self.takes == WAVEFORM or self.samples is None:
            return self.samples
        return self.tagger.front_end.frames(self.samples)

    @property
    def input(self) -> str:
        """Name of the input."""
        return WAVEFORM if self.takes == WAVEFORM else LOG_MEL

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        chosen = ((SCORES, True), (FRAMES, self.frames), (EMBEDDING, self.embedding is not None))
        return tuple(name for name, wanted in chosen if wanted)

    @property
    def logits(self) -> tuple[str, ...]:
        """Names of those outputs of the network of which `scored` makes scores."""
        return (_LOGITS, _FRAME_LOGITS) if self.frames else (_LOGITS,)

    @property
    def step_seconds(self) -> tuple[float, float] | None:
        """Distance of two steps of the output "frames" and the centre of the first, seconds; None without it."""
        if not self.frames:
            return None
        return frame_steps(step_level(self.tagger.network)).seconds(self.tagger.front_end)

    @cached_property
    def network(self) -> keras.Model:
        """Log-mel (batch, frames, mels, 1) to logits, and to what else is asked for, by name; all in one pass."""
        network = self.tagger.network
        outputs = {_LOGITS: network.output}
        if self.frames:
            outputs[_FRAME_LOGITS] = _on_input(step_level(network), network)
        if self.embedding is not None:
            chosen = [name.strip() for name in self.embedding.split(",")]
            outputs[EMBEDDING] = _on_input(embedding_network(network, chosen), network)
        return keras.Model(network.input, outputs, name=network.name)

    def scored(self, logits: dict[str, Any]) -> dict[str, Any]:
        """Scores of clips, calibrated, and where they are asked for of steps, of the logits that `network` gives."""
        task, calibration = self.tagger.task, self.tagger.calibration
        activation = keras.activations.get(task.activation)
        of_clip = keras.ops.cast(logits[_LOGITS], "float32")
        scores = {SCORES: activation(of_clip) if calibration is None else calibration.apply(of_clip, task)}
        of_step = keras.activations.get(task.step_activation)
        return scores | ({FRAMES: of_step(logits[_FRAME_LOGITS])} if self.frames else {})

    def spec(self, name: str, batch: int | None) -> tf.TensorSpec:
        """Shape and type of the waveform or the log-mel.

        Args:
            name: `WAVEFORM` or `LOG_MEL`.
            batch: how many at a time; None: any number.
        """
        import tensorflow as tf

        if name == WAVEFORM:
            return tf.TensorSpec((batch, self.samples), tf.float32, name)
        frames = None if self.samples is None else self.tagger.front_end.frames(self.samples)
        return tf.TensorSpec((batch, frames, self.tagger.front_end.mels, 1), tf.float32, name)

    def whole(
        self, *before: Callable[[tf.Tensor], tf.Tensor] | None, network: keras.Model | None = None
    ) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        """All stages as one Python function of the input.

        Args:
            before: what comes before the network, one after the other; None: nothing.
            network: what stands for `network`. Default: itself.
        """
        import tensorflow as tf

        chosen = self.network if network is None else network

        def function(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            for stage in filter(None, before):
                inputs = stage(inputs)
            with tf.name_scope(SCOPE):
                given = chosen(inputs, training=False)
            scores = self.scored(given)
            return {name: scores.get(name, given.get(name)) for name in self.outputs}

        return function

    def log_mel_of(self, waveforms: np.ndarray) -> np.ndarray:
        """Log-mel (batch, frames, mels, 1) float32 of waveforms (batch, samples), clip by clip."""
        return np.concatenate([self.tagger.log_mel(waveform[None]).numpy() for waveform in waveforms])

    @cached_property
    def _of_waveforms(self) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        import tensorflow as tf

        return tf.function(self.whole(self.tagger.log_mel))

    def of_waveforms(self, waveforms: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name, as Keras computes them from waveforms (batch, samples) float32."""
        return {name: output.numpy() for name, output in self._of_waveforms(waveforms).items()}


def _on_input(model: keras.Model, network: keras.Model) -> keras.KerasTensor:
    """The output of a model that was made of a network, on the network's own input."""
    return model.output if model.input is network.input else model(network.input)
