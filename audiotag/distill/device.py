"""Which compiler suits the device that Keras computes on."""

from __future__ import annotations

import keras


def on_tensorflow_cpu() -> bool:
    """Whether Keras computes with TensorFlow and without a GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def jit_compile() -> bool | str:
    """`jit_compile` for `keras.Model.compile`: XLA slows a convolutional network down on TensorFlow's CPU device."""
    return False if on_tensorflow_cpu() else "auto"
