"""Distillation of features: how far parts of a network are from parts of its teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from audiotag.errors import AudiotagError, suggest
from audiotag.models.parts import HEAD, Parts
from audiotag.training.fused import twin_of

FEATURES = "features"
"""The part that the head makes its logits of, of any family."""

ALL = "all"
"""Stands for every part of a network."""


def parts(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """What the parts of a network give, by name, from the input to the output, see `part`."""
    named = Parts(network)
    found = {stage: layers[-1].output for stage, layers in named.stages.items() if layers and stage != HEAD}
    if named.features is not None:
        found[FEATURES] = named.features
    return found


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
    named = parts(network)
    if name not in named:
        raise AudiotagError(f"features are of a part of {network.name}: {suggest(name, named)}")
    return named[name]


class FeatureLoss(keras.layers.Layer):
    """How much of the variance of a teacher's features a network's features leave unexplained, mean over pairs.

    Of a pair it is `mean((P s - t)^2) / mean(var(t))`: 1 is what the mean of the teacher's features would do, 0 is
    equality. P is a trained map of channels where their numbers differ (FitNets, arXiv 1412.6550), which is thrown away
    with the teacher. Maps of one size are compared place by place, others by their means over places.

    Blockwise, each part of the network is given what the teacher's part before it gives, not what the network's own
    does, and so is the head: all parts learn at once, and none waits for those below it.

    Args:
        pairs: part of the network -> part of the teacher, see `part`.
        network: the network, log-mel to logits.
        teacher: its teacher.
        blockwise: whether parts are given the teacher's features. The parts of a pair then have one shape.

    Raises:
        AudiotagError: no such part, or blockwise where shapes differ or a part is reached by another way.
    """

    def __init__(
        self, pairs: Mapping[str, str], network: keras.Model, teacher: keras.Model, *, blockwise: bool = False
    ) -> None:
        super().__init__(name="feature_loss")
        self.pairs, self.blockwise = dict(pairs), blockwise
        self.projections: list[keras.layers.Layer] = []
        for own, other in self.pairs.items():
            shape, theirs = part(network, own).shape, part(teacher, other).shape
            if blockwise and shape != theirs:
                raise AudiotagError(
                    f"blockwise, each part is given the teacher's features of the part before: their shapes must be "
                    f"equal, {own} of {network.name} gives {shape}, {other} of {teacher.name} {theirs}"
                )
            channels, wanted = shape[-1], theirs[-1]
            if channels == wanted:
                projection = keras.layers.Identity()
            else:
                projection = keras.layers.Dense(wanted, name=f"{own}_projection")
                projection.build((None, channels))
            self.projections.append(projection)
        self.built = True

    def student(self, network: keras.Model, further: Sequence[keras.KerasTensor] = ()) -> keras.Model:
        """What is trained of a network: log-mel to logits, further outputs and the features, in the order of the pairs.

        Blockwise there are no further ones; its inputs are the log-mel and the teacher's features, and it consists of
        models of the parts.
        """
        features = [part(network, name) for name in self.pairs]
        if not self.blockwise:
            return twin_of(keras.Model(network.input, [network.output, *further, *features]))
        order = list(parts(network))
        if sorted(self.pairs, key=order.index) != list(self.pairs):
            raise AudiotagError(f"blockwise, parts stand in the network's order, received {','.join(self.pairs)}")
        inputs, outputs = [network.input, *features], [*features, network.output]
        try:
            pieces = [twin_of(keras.Model(begin, end)) for begin, end in zip(inputs, outputs, strict=True)]
        except ValueError as error:  # the way from one to the other passes by
            raise AudiotagError(
                f"{network.name} cannot be trained blockwise: a part takes more than what the part before it gives"
            ) from error
        given = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in inputs]
        *made, logits = [piece(tensor) for piece, tensor in zip(pieces, given, strict=True)]
        return keras.Model(given, [logits, *made])

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


def parse(text: str, network: keras.Model, teacher: keras.Model) -> dict[str, str]:
    """Pairs from "block5,features", "block5=block12,features" or "all": parts of the network and of its teacher.

    Raises:
        AudiotagError: an empty part, a part of the network that stands twice, or "all" of unlike networks.
    """
    if text.strip() == ALL:
        if Parts(network).family != Parts(teacher).family or parts(network).keys() != parts(teacher).keys():
            raise AudiotagError(
                f"all features are of networks with the same parts: name those of {network.name} and {teacher.name} "
                "that are to be compared, as in block5=block12,features"
            )
        named = parts(network)
        once = {id(features): name for name, features in reversed(named.items())}  # "features" may be "last", too
        return {name: name for name in reversed(once.values())}
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
