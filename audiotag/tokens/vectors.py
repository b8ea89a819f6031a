"""What tokens are made of: a vector a step of time, of the log-mel or of what a layer of a network gives."""

from __future__ import annotations

import numpy as np

from audiotag import models, scorers
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.models.frames import FrameSteps, frame_steps
from audiotag.models.parts import Parts
from audiotag.scorers.inputs import of_size

LOG_MEL = "log_mel"
SLOWEST, FASTEST = 10.0, 25.0
"""Tokens a second."""

_BATCH = 16


class StepVectors:
    """Turns log-mel into vectors, one a step of time.

    Args:
        front_end: of the log-mel.
        rate: steps a second that are wanted, 10 to 25; the nearest that is a whole number of frames, or of steps of the
            layer, is taken.
        source: "log_mel", or a Keras model as `scorers.open` takes it.
        layer: "block1", "block2" … of a network that has blocks, or the name of a layer. Default: the last block that
            has as many steps a second.

    Raises:
        AudiotagError: a rate out of range, a model of another front end or without a Keras network, or a layer that
            keeps no time or too little.
    """

    def __init__(self, front_end: LogMelConfig, rate: float, source: str = LOG_MEL, layer: str | None = None) -> None:
        if not SLOWEST <= rate <= FASTEST:
            raise AudiotagError(f"tokens are {SLOWEST:g} to {FASTEST:g} a second, received a rate of {rate:g}")
        frames_a_second = front_end.sample_rate / front_end.hop
        self.front_end, self.source, self.layer, self.checksum = front_end, source, "", ""
        self._run, self._steps = None, FrameSteps(1, 1)
        if source != LOG_MEL:
            network = self._network(source, front_end)
            network, self.layer = _in_time(network, layer, frames_a_second / rate)
            self._run, self._steps = of_size(network.predict_on_batch, _BATCH), frame_steps(network)
        elif layer is not None:
            raise AudiotagError(f"a layer is one of a model, received layer {layer!r} without a model: name one")
        self._group = max(round(frames_a_second / self._steps.distance / rate), 1)
        self.rate = frames_a_second / self.distance
        if not SLOWEST <= self.rate <= FASTEST:
            raise AudiotagError(
                f"tokens are {SLOWEST:g} to {FASTEST:g} a second, "
                f"{f'layer {self.layer} of {source}' if self._run else front_end.name} gives {self.rate:g}: choose "
                "another rate, or a layer nearer to the input"
            )

    def _network(self, source: str, front_end: LogMelConfig) -> object:
        scorer = scorers.open_model(source)
        if scorer.network is None or scorer.front_end is None:
            raise AudiotagError(f"tokens are made of what a Keras network of log-mel gives, {source} has none")
        if difference := scorer.front_end.difference(front_end):
            raise AudiotagError(
                f"{source} hears through the front end {scorer.front_end.name!r}, the data set was built with "
                f"{front_end.name!r} ({difference}): build it with front_end={scorer.front_end.name!r}"
            )
        self.checksum = scorer.checksum()
        return scorer.network

    @property
    def distance(self) -> int:
        """Frames from one step to the next."""
        return self._steps.distance * self._group

    def count(self, frames: int) -> int:
        """Steps of an input of `frames` frames, those that lie within it."""
        # What a network makes of its padding at the end is left out.
        return max(min(self._steps.count(frames) // self._group, frames // self.distance), 0)

    def __call__(self, log_mel: np.ndarray) -> np.ndarray:
        """(batch, frames, mels, 1) float32 -> (batch, steps, dim) float32; frames that fill no step are left out."""
        values = log_mel[..., 0] if self._run is None else self._run(log_mel)
        steps = self.count(log_mel.shape[1])
        return mean_of_groups(values, steps, self._group)


def mean_of_groups(values: np.ndarray, groups: int, size: int) -> np.ndarray:
    """The means of the first groups of `size` along the second axis: (batch, n, dim) -> (batch, groups, dim)."""
    batch, _, dim = values.shape
    return values[:, : groups * size].reshape(batch, groups, size, dim).mean(axis=2, dtype=np.float32)


def _in_time(network: object, layer: str | None, most: float) -> tuple[object, str]:
    """The network up to a layer, the mean over its frequencies, and the layer's name.

    Args:
        network: log-mel to logits.
        layer: of `StepVectors`.
        most: frames from step to step that are wanted.
    """
    import keras

    parts = Parts(network)
    blocks = {f"block{number}": output for number, output in enumerate(parts.blocks, 1)}
    if layer is None:
        fine = [name for name, output in blocks.items() if _distance(network, output) <= most * 1.2]
        if not fine:
            raise AudiotagError(f"{network.name} has no blocks that keep time: name a layer of it with layer")
        layer = fine[-1]
    if layer in blocks:
        output = blocks[layer]
    else:
        # Its errors name the layers that there are.
        models.embedding_network(network, layer)
        output = network.get_layer(layer).output
    if len(output.shape) not in (3, 4):
        raise AudiotagError(f"layer {layer} of {network.name} keeps no time, it gives {output.shape}: choose another")
    steps = keras.ops.mean(output, axis=2) if len(output.shape) == 4 else output
    return keras.Model(network.input, steps, name=f"{network.name}_{layer}"), layer


def _distance(network: object, output: object) -> float:
    import keras

    if len(output.shape) != 4:
        return float("inf")
    return frame_steps(keras.Model(network.input, output)).distance
