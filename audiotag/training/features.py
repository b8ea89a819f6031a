"""Distillation of features: how far parts of a network are from parts of its teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from audiotag.errors import AudiotagError, suggest
from audiotag.models.parts import Parts

FEATURES = "features"
"""The part that the head makes its logits of, of any family."""


def part(network: keras.Model, name: str) -> keras.KerasTensor:
    """What a part of a network gives.

    Args:
        network: a functional model.
        name: "stem", "block1", "block2" … as `Parts.stages` names them, or "features".

    Returns:
        (batch, …, channels).

    Raises:
        AudiotagError: no such part.
    """
    parts = Parts(network)
    named = {stage: layers[-1].output for stage, layers in parts.stages.items() if layers}
    if parts.features is not None:
        named[FEATURES] = parts.features
    if name not in named:
        raise AudiotagError(f"features are of a part of {network.name}: {suggest(name, named)}")
    return named[name]


class FeatureLoss(keras.layers.Layer):
    """How much of the variance of a teacher's features a network's features leave unexplained, mean over pairs.

    Of a pair it is `mean((P s - t)^2) / mean(var(t))`: 1 is what the mean of the teacher's features would do, 0 is
    equality. P is a trained map of channels where their numbers differ (FitNets, arXiv 1412.6550), which is thrown away
    with the teacher. Maps of one size are compared place by place, others by their means over places.

    Args:
        pairs: part of the network -> part of the teacher, see `part`.
        network: the network, log-mel to logits.
        teacher: its teacher.
    """

    def __init__(self, pairs: Mapping[str, str], network: keras.Model, teacher: keras.Model) -> None:
        super().__init__(name="feature_loss")
        self.pairs = dict(pairs)
        self.projections: list[keras.layers.Layer] = []
        for own, other in self.pairs.items():
            channels, wanted = part(network, own).shape[-1], part(teacher, other).shape[-1]
            if channels == wanted:
                projection = keras.layers.Identity()
            else:
                projection = keras.layers.Dense(wanted, name=f"{own}_projection")
                projection.build((None, channels))
            self.projections.append(projection)
        self.built = True

    def students(self, network: keras.Model) -> list[keras.KerasTensor]:
        """The network's features, in the order of the pairs."""
        return [part(network, name) for name in self.pairs]

    def teachers(self, teacher: keras.Model) -> list[keras.KerasTensor]:
        """The teacher's features, in the order of the pairs."""
        return [part(teacher, name) for name in self.pairs.values()]

    def call(self, features: Sequence[Any], theirs: Sequence[Any]) -> Any:
        """The loss, a scalar, of a batch's features of the network and of its teacher."""
        losses = []
        for projection, own, other in zip(self.projections, features, theirs, strict=True):
            own, other = (ops.cast(values, "float32") for values in (own, ops.stop_gradient(other)))
            if own.shape[1:-1] != other.shape[1:-1]:
                own, other = (ops.mean(values, axis=range(1, values.ndim - 1)) for values in (own, other))
            variance = ops.mean(ops.var(other, axis=tuple(range(other.ndim - 1))))
            # A teacher that gives nearly the same for every clip is not to be copied to its last digit.
            scale = ops.maximum(variance, 1e-3 * ops.mean(ops.square(other)) + 1e-6)
            losses.append(ops.mean(ops.square(projection(own) - other)) / scale)
        return sum(losses) / len(losses)


def parse(text: str) -> dict[str, str]:
    """Pairs from "block5,features" or "block5=block12,features": parts of the network and of its teacher.

    Raises:
        AudiotagError: an empty part, or a part of the network that stands twice.
    """
    pairs: dict[str, str] = {}
    for piece in text.split(","):
        own, equals, other = (word.strip() for word in piece.partition("="))
        if not own or (equals and not other) or own in pairs:
            raise AudiotagError(
                f"features are parts of the network, PART or PART=PART of the teacher, each once, received {text!r}: "
                "write block5=block12,features, for one"
            )
        pairs[own] = other or own
    return pairs
