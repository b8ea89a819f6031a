"""What the twin of a layer is, on every backend, and which layers have one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras


class Twin(keras.layers.Layer):
    """A built layer's variables and settings under another computation, float32 statistics and all.

    Args:
        plain: the layer whose variables and settings are used; it also serves inference.
    """

    def __init__(self, plain: keras.layers.Layer) -> None:
        super().__init__(name=f"{plain.name}_fused", dtype=plain.dtype_policy)
        self.plain = plain
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that the layer gives."""
        return self.plain.compute_output_shape(input_shape)


class MovingTwin(Twin):
    """The twin of a `BatchNormalization`."""

    def move(self, mean: Any, variance: Any) -> None:
        """Move the running statistics by those of a batch, (channels,) each; the variance divides by n, as in Keras."""
        plain = self.plain
        for moving, batch in ((plain.moving_mean, mean), (plain.moving_variance, variance)):
            moving.assign(moving * plain.momentum + batch * (1.0 - plain.momentum))


def normalizes_channels(layer: keras.layers.Layer) -> bool:
    """Whether a layer is a built `BatchNormalization` over the last axis of (batch, frames, mels, channels) maps."""
    if type(layer) is not keras.layers.BatchNormalization or layer.renorm or layer.synchronized:
        return False
    return layer.scale and layer.center and layer.input_spec.ndim == 4 and layer.axis in (-1, 3)


def followers(network: keras.Model) -> dict[keras.layers.Layer, keras.layers.Layer]:
    """For each layer that is called once and whose output one call alone takes, the layer of that call."""
    # `layer.output` may be one of another model: layers can be shared.
    nodes = [node for nodes in network._nodes_by_depth.values() for node in nodes]
    calls = Counter(node.operation for node in nodes)
    users: dict[int, list[keras.layers.Layer | None]] = {id(output): [None] for output in network.outputs}
    for node in nodes:
        for tensor in node.input_tensors:
            users.setdefault(id(tensor), []).append(node.operation)
    result = {}
    for node in nodes:
        takers = [taker for output in node.outputs for taker in users.get(id(output), [None])]
        if len(takers) == 1 and takers[0] is not None and calls[node.operation] == calls[takers[0]] == 1:
            result[node.operation] = takers[0]
    return result
