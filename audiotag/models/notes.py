"""Networks of notes: log-mel to onset, frame, offset and velocity of every pitch at every step, a step a frame."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.blocks import Architecture, check_choice, convolution, dense, make_divisible, normalization
from audiotag.models.parts import Parts

CONTEXTS = ("gru", "convolution")
CHANNELS = (16, 16, 32)
POOLED = (False, True, True)  # after these convolutions mels are halved; frames never are
DILATIONS = (1, 2, 4, 8)
KERNEL = 3
REACH = len(CHANNELS) + sum(DILATIONS)
"""Frames to either side that a step of a network with the context "convolution" depends on."""


@dataclass(frozen=True)
class NoteNetwork(Architecture):
    """Convolutions over frames and mels, then layers in which steps see each other, then the "notes" head of `heads`.

    The convolutions are those of arXiv 1710.11153 with fewer channels, and one stack for all that is asked of a step.
    Of 229 mels and 88 classes at width 1 there are 0.60 (gru) and 0.88 (convolution) million parameters.

    Args:
        context: "gru" (a bidirectional GRU) or "convolution" (dilated ones, which see `REACH` frames to either side: so
            a recording in windows gives exactly what it gives as a whole). Default "gru".
        width: multiplier of the channels of the convolutions, positive. Default 1.
        units: GRU units of a direction; of convolutions half their channels. Default 96.
        dropout: rate after the convolutions and in the context, 0 to 1. Default 0.2.

    Raises:
        AudiotagError: a value outside its range.
    """

    context: str = "gru"
    width: float = 1.0
    units: int = 96
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_choice("context of notes", self.context, CONTEXTS)
        if not self.width > 0:
            raise AudiotagError(f"width of a network of notes is a positive multiplier, received {self.width}")
        self._check_counts("network of notes", "units")
        if not 0 <= self.dropout < 1:
            raise AudiotagError(f"dropout of a network of notes is a rate in 0 to 1, received {self.dropout}")

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        x = spectrogram
        for number, (channels, pooled) in enumerate(zip(CHANNELS, POOLED, strict=True), 1):
            name = f"block{number}"
            x = normalization(convolution(x, make_divisible(channels * self.width), 3, 1, name), name, "relu")
            if pooled and x.shape[2] > 1:
                x = layers.MaxPooling2D((1, 2), name=f"{name}_pooling")(x)
        x = layers.Reshape((-1, x.shape[2] * x.shape[3]), name="steps")(x)
        x = layers.Dropout(self.dropout, name="steps_dropout")(x)
        x = normalization(dense(x, 2 * self.units, "tokens", deviation=x.shape[-1] ** -0.5), "tokens", "relu")
        x = self._recurrent(x) if self.context == "gru" else self._convolutions(x)
        return heads.notes(layers.Dropout(self.dropout, name="context_dropout")(x), classes)

    def _recurrent(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Bidirectional(layers.GRU(self.units, return_sequences=True), name="gru1")(x)

    def _convolutions(self, x: keras.KerasTensor) -> keras.KerasTensor:
        for number, dilation in enumerate(DILATIONS, 1):
            name = f"context{number}"
            near = layers.Conv1D(
                2 * self.units, KERNEL, padding="same", dilation_rate=dilation, use_bias=False, name=name
            )
            x = layers.Add(name=f"{name}_add")([x, normalization(near(x), name, "relu")])
        return x


def note_level(network: keras.Model) -> keras.Model:
    """The network up to what it says of the notes of every step, sharing its weights.

    Args:
        network: log-mel to logits, with the "notes" head, as `build` makes it, or its file opened again.

    Returns:
        (batch, frames, mels, 1) -> logits (batch, steps, 88, 4), float32, the last axis as `audiotag.notes.rolls`.

    Raises:
        AudiotagError: a network with another head.
    """
    if Parts(network).head != "notes":
        raise AudiotagError(
            f"notes are transcribed by a network with a head of notes, received {network.name}: train model='notes' on "
            "a data set of notes"
        )
    return keras.Model(network.input, network.get_layer("note_logits").output, name=f"{network.name}_notes")
