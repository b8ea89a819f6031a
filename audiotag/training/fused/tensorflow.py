"""TensorFlow: batch normalisation by the fused kernel, which passes over a map once for each way."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from audiotag.training.fused.twin import MovingTwin, Twin, normalizes_channels


def twins(network: keras.Model) -> dict[keras.layers.Layer, Twin]:
    """The twin of each layer that has one; the kernel knows no float64."""
    return {
        layer: Normalization(layer)
        for layer in network.layers
        if normalizes_channels(layer) and layer.compute_dtype != "float64"
    }


class Normalization(MovingTwin):
    """Batch normalisation of maps, its training step fused."""

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Normalise by the batch's statistics and move the running ones, or by the running ones in inference."""
        plain = self.plain
        if not (training and plain.trainable):
            return plain(inputs, training=False)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=plain.gamma,
            offset=plain.beta,
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=plain.epsilon,
            is_training=True,
        )
        # The kernel divides by n - 1 for its running variance, Keras by n.
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
        self.move(mean, variance * ((count - 1) / count))
        return outputs
