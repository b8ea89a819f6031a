"""Averages of a network's weights over the steps of its training: what is measured and saved in the network's place."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Average(keras.layers.Layer):
    """A copy of a network whose variables are averages of the network's.

    Batch normalisation's running statistics are averaged like the weights.

        average = 1 / n * network + (1 - 1 / n) * average       every `every` epochs from `start` on (SWA,
                                                                arXiv 1803.05407; PaSST trains so)
        average = (1 - d) * network + d * average               every step (EMA), d = min(decay, (1 + t) / (10 + t))

    t counts the steps, so that the random weights of the start are soon forgotten. A step adds the weights that it
    begins with.

    Args:
        network: what is trained.
        decay: of the average over steps, above 0 and below 1; 0: the average is one over epochs.
    """

    def __init__(self, network: keras.Model, decay: float = 0.0) -> None:
        super().__init__(name="average", trainable=False)
        self.source = network
        self.decay = decay
        self.network = keras.models.clone_model(network)
        self.network.trainable = False
        self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="count")
        self.network.set_weights(network.get_weights())
        self.built = True

    @property
    def _pairs(self) -> list[tuple[keras.Variable, keras.Variable]]:
        return list(zip(self.network.weights, self.source.weights, strict=True))

    def update(self) -> None:
        """Take the network's weights of this moment into the average."""
        if self.decay:
            steps = ops.cast(self.count, "float32")
            share = 1.0 - ops.minimum(self.decay, (1.0 + steps) / (10.0 + steps))
        else:
            share = 1.0 / (1.0 + ops.cast(self.count, "float32"))
        for average, now in self._pairs:
            now = ops.convert_to_tensor(now)
            if keras.backend.is_float_dtype(average.dtype):
                part = ops.cast(share, average.dtype)
                average.assign(part * now + (1.0 - part) * average)
            else:
                average.assign(now)
        self.count.assign(self.count + 1)

    def call(self, inputs: Any) -> Any:
        """The averaged network's outputs."""
        return self.network(inputs, training=False)
