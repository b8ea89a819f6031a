"""Frame-level networks: log-mel to logits of every step of time, where the steps lie, and what lengths fit."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import keras
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.models import heads, panns
from audiotag.models.layers import PositionEmbedding
from audiotag.models.parts import Parts

_LONG = 1 << 18  # frames: long enough to tell every distance of steps up to 300 frames
# Logits of steps by the head that gives those of clips.
_STEPS = {
    "mlp": heads.mlp_steps,
    "fully_convolutional": heads.fully_convolutional_steps,
    "multihead_attention_pooling": heads.attention_pooling_steps,
    "pann": panns.steps,
}


def frame_level(network: keras.Model) -> keras.Model:
    """The network up to the logits of every step of time, sharing its weights.

    What the steps are depends on the head. A network with the "frames", "notes" or "ctc" head, a hybrid and YAMNet have
    them. The published heads give them without being trained anew:

    - "fully_convolutional": the mean over frequency of its map of logits. The clip's logits are the mean of the steps.
    - "mlp": what each step adds to the clip's logits, as a class activation map (arXiv 1512.04150). Its hidden layer
      is a gate times a linear map; with the gate of the clip, the clip's logits are the mean of the steps' exactly. A
      mean of n odds is at least an n-th of each, so no step's odds are let exceed n times the clip's, n the number of
      steps. (To apply the whole head to each step does far worse: it has never seen so short a piece.)
    - "multihead_attention_pooling": the value of each step, averaged over the heads by the head's own weights. The
      clip's logits weigh those values by attention.
    - PANNs: the head applied to maximum plus mean over each step and its two neighbours (arXiv 1912.10211 trains its
      decision-level networks so), its odds bounded as those of "mlp".

    Of an ensemble it is the mean of its members'.

    Args:
        network: log-mel to logits, as `build` makes it, or its file opened again.

    Returns:
        (batch, frames, mels, 1) -> (batch, steps, classes), float32.

    Raises:
        AudiotagError: a network that keeps no time, such as a PaSST whose head reads tokens.
    """
    members = _members(network)
    if members:
        spectrogram = keras.Input(network.input_shape[1:], name="log_mel")
        logits = layers.Average(name="frame_logits")([frame_level(member)(spectrogram) for member in members])
        return keras.Model(spectrogram, logits, name=f"{network.name}_frames")
    kind = Parts(network).head
    if kind in ("frames", "notes", "ctc"):
        return keras.Model(network.input, network.get_layer("frame_logits").output, name=f"{network.name}_frames")
    if kind not in _STEPS:
        raise AudiotagError(
            f"frame-level outputs need a network that keeps time, received {network.name}: "
            'build it with head="frames" and train it, or take an MN, a DyMN, a crnn or YAMNet'
        )
    logits = layers.Activation("linear", dtype="float32", name="frame_logits")(_STEPS[kind](network))
    return keras.Model(network.input, logits, name=f"{network.name}_frames")


def _members(network: keras.Model) -> list[keras.Model]:
    return [layer for layer in network.layers if isinstance(layer, keras.Model)]


@dataclass(frozen=True)
class FrameSteps:
    """Where the steps of a frame-level network lie on the frames of its log-mel.

    Args:
        length: frames of the shortest input that gives a step.
        distance: frames from one step to the next.
    """

    length: int
    distance: int

    def count(self, frames: int) -> int:
        """Steps of an input of `frames` frames."""
        return (frames - self.length) // self.distance + 1

    def seconds(self, front_end: LogMelConfig) -> tuple[float, float]:
        """Distance of two steps, and the centre of the first one, both in seconds.

        The first step is centred on the middle of the shortest input that gives one: on frame 0 where convolutions
        pad both sides alike, as in an MN, on the middle of its frames where they do not pad.

        Args:
            front_end: what makes the log-mel.
        """
        hop = front_end.hop / front_end.sample_rate
        # A centred frame t lies around sample t hop, another begins there.
        offset = 0.0 if front_end.margin else front_end.window / 2 / front_end.sample_rate
        return self.distance * hop, (self.length - 1) / 2 * hop + offset


def frame_steps(network: keras.Model) -> FrameSteps:
    """Where the steps lie, measured on how the number of steps grows with the input; nothing is computed.

    Args:
        network: of `frame_level`: (batch, frames, mels, 1) -> (batch, steps, classes).

    Raises:
        AudiotagError: a network of a fixed length.
    """
    if network.input_shape[1] is not None:
        raise AudiotagError(
            f"frame-level outputs need a network of any length, {network.name} takes exactly "
            f"{network.input_shape[1]} frames: build it with se_dims without 't'"
        )
    steps = _steps(network, _LONG)
    distance = round(_LONG / (_steps(network, 2 * _LONG) - steps))
    # The next step comes with at most `distance` further frames.
    further = 1 + bisect_left(range(1, distance), True, key=lambda more: _steps(network, _LONG + more) > steps)
    return FrameSteps(_LONG + further - steps * distance, distance)


def _steps(network: keras.Model, frames: int) -> int:
    return _outputs(network, frames).shape[1]


def _outputs(network: keras.Model, frames: int) -> keras.KerasTensor:
    """Shape and dtype of the outputs for an input of `frames` frames; raises where it is too short."""
    return network.compute_output_spec(keras.KerasTensor((1, frames, *network.input_shape[2:])))


def longest_frames(network: keras.Model) -> int | None:
    """Length of the longest input that a network takes, frames; None: any.

    Args:
        network: log-mel to logits.
    """
    limits = [layer.longest for layer in network.layers if isinstance(layer, PositionEmbedding)]
    limits += [limit for member in _members(network) if (limit := longest_frames(member)) is not None]
    return min(limits, default=network.input_shape[1])


def shortest_frames(network: keras.Model) -> int:
    """Length of the shortest input that a network takes, frames: one patch of a PaSST, 1 of an MN.

    Found by asking for the shapes of outputs; nothing is computed. A network that cannot tell them counts as one that
    takes any length.

    Args:
        network: log-mel to logits.
    """
    if network.input_shape[1] is not None:
        return network.input_shape[1]
    enough = next((1 << power for power in range(14) if _fits(network, 1 << power)), 1)
    shorter = range(enough // 2 + 1, enough)  # what may do too
    return shorter.start + bisect_left(shorter, True, key=lambda frames: _fits(network, frames))


def _fits(network: keras.Model, frames: int) -> bool:
    try:
        _outputs(network, frames)
    except (ValueError, AudiotagError):  # Keras refuses with the former, a layer of ours with the latter
        return False
    return True
