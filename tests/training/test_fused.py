"""The fused twin learns what the plain network learns, into the same variables."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.training.fused import FusedBatchNormalization, with_fused_normalization

pytestmark = [
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the kernel is TensorFlow's"),
    pytest.mark.usefixtures("eager"),
]


def small_network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return models.build("mn01", classes=3, dropout=0.0)


def step(model: keras.Model) -> float:
    generator = np.random.default_rng(0)
    model.compile(keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    log_mel = generator.normal(size=(8, 64, 128, 1)).astype("float32")
    return model.train_on_batch(log_mel, np.eye(3, dtype="float32")[generator.integers(0, 3, 8)])


def test_one_step_moves_every_variable_as_keras_own_layers_do():
    plain, network = small_network(1), small_network(1)
    twin = with_fused_normalization(network)
    assert sum(isinstance(layer, FusedBatchNormalization) for layer in twin.layers) > 30
    assert step(twin) == pytest.approx(step(plain), rel=1e-5)
    for expected, moved in zip(plain.variables, network.variables, strict=True):
        np.testing.assert_allclose(moved, expected, rtol=2e-3, atol=2e-4, err_msg=expected.path)


def test_the_twin_predicts_what_the_network_predicts():
    network = small_network(2)
    log_mel = np.random.default_rng(1).normal(size=(2, 64, 128, 1)).astype("float32")
    twin = with_fused_normalization(network)
    np.testing.assert_array_equal(twin(log_mel, training=False), network(log_mel, training=False))


def test_frozen_layers_keep_their_statistics():
    network = small_network(3)
    for layer in network.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    before = [np.array(variable) for variable in network.non_trainable_variables if "moving" in variable.path]
    step(with_fused_normalization(network))
    after = [np.array(variable) for variable in network.non_trainable_variables if "moving" in variable.path]
    for expected, kept in zip(before, after, strict=True):
        np.testing.assert_array_equal(kept, expected)
