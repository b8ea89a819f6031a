"""Sequence models: their own layers against NumPy, step by step, at any length, in graphs and in half precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow

from audiotag.errors import AudiotagError
from audiotag.models import sequence_models
from audiotag.models.sequence_models import SEQUENCE_MODELS, MinGRU, RotaryPositions, sequence_model

array = keras.ops.convert_to_numpy


def noise(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(sum(shape)).normal(size=shape)).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def states(projected: np.ndarray, backward: bool) -> np.ndarray:
    """The minimal GRU of arXiv 2410.01201, appendix B.3, one step after the other in float64."""
    candidate, gate = np.split(projected.astype(np.float64), 2, axis=-1)
    candidate, gate = np.where(candidate >= 0, candidate + 0.5, sigmoid(candidate)), sigmoid(gate)
    found, state = np.zeros_like(gate), np.zeros_like(gate[:, 0])
    steps = range(gate.shape[1])
    for step in reversed(steps) if backward else steps:
        state = (1 - gate[:, step]) * state + gate[:, step] * candidate[:, step]
        found[:, step] = state
    return found


def turned(projected: np.ndarray, heads: int, frequencies: np.ndarray) -> np.ndarray:
    """Rotary positions as arXiv 2104.09864 writes them: pairs of channels as complex numbers."""
    batch, steps, tripled = projected.shape
    parts = projected.reshape(batch, steps, 3, heads, -1, 2)
    pairs = parts[..., 0] + 1j * parts[..., 1]
    angle = np.arange(steps)[:, None] * frequencies
    pairs[:, :, :2] *= np.exp(1j * angle)[:, None, None]
    return np.stack([pairs.real, pairs.imag], axis=-1).reshape(batch, steps, tripled)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 7, 64, 250])
def test_a_minimal_gru_is_its_recursion(backward, steps):
    # Gates of -20 to 20: a state that is kept for hundreds of steps, and one that is forgotten at once.
    projected = noise(2, steps, 10, scale=7.0)
    np.testing.assert_allclose(array(MinGRU(backward)(projected)), states(projected, backward), rtol=1e-5, atol=1e-5)


def test_positions_turn_queries_and_keys_and_leave_values():
    projected = noise(2, 30, 3 * 4 * 6)
    layer = RotaryPositions(4)
    layer.build(projected.shape)
    np.testing.assert_allclose(array(layer.frequencies), [1, 10_000 ** (-1 / 3), 10_000 ** (-2 / 3)], rtol=1e-6)
    found = array(layer(projected))
    np.testing.assert_allclose(found, turned(projected, 4, array(layer.frequencies)), atol=1e-5)
    assert np.array_equal(found[..., 48:], projected[..., 48:]) and not layer.trainable_weights


def test_products_of_queries_and_keys_depend_on_their_distance_alone():
    layer = RotaryPositions(1)
    same = np.tile(noise(1, 1, 24), (1, 40, 1))
    query, key, _ = np.split(array(layer(same)), 3, axis=-1)
    products = query[0] @ key[0].T
    for distance in (0, 1, 17):
        assert np.ptp(np.diagonal(products, distance)) < 1e-4
    assert np.ptp(products[0]) > 0.5


@pytest.mark.parametrize("kind", SEQUENCE_MODELS)
def test_a_model_takes_any_length_also_in_a_graph_and_every_step_sees_earlier_ones(kind):
    keras.utils.set_random_seed(1)
    steps = keras.Input((None, 24))
    network = keras.Model(steps, sequence_model(steps, kind, 16))
    assert network.output_shape == (None, None, 32 if kind == "gru" else 16)
    anything = [tensorflow.TensorSpec((None, None, 24))]
    graph = tensorflow.function(lambda x: network(x, training=False), input_signature=anything)
    for batch, length in ((1, 1), (3, 26)):
        x = noise(batch, length, 24)
        found = array(network(x))
        assert np.isfinite(found).all()
        np.testing.assert_allclose(array(graph(x)), found, atol=1e-5)
    changed = x.copy()
    changed[:, 20] += 3
    difference = np.abs(array(network(changed)) - found).max(axis=(0, 2))
    assert (difference[20:24] > 0).all()
    # Convolutions in time are causal, all others see both ways.
    assert (difference[:20] == 0).all() if kind == "tcn" else (difference[16:20] > 0).all()


@pytest.mark.parametrize("kind", ["tf", "hybrid"])
def test_half_precision_is_near_single(kind):
    outputs = {}
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            keras.utils.set_random_seed(2)
            steps = keras.Input((None, 16))
            network = keras.Model(steps, sequence_model(steps, kind, 16))
            outputs[policy] = array(keras.ops.cast(network(noise(2, 300, 16)), "float32"))
        finally:
            keras.config.set_dtype_policy("float32")
    difference = np.abs(outputs["mixed_bfloat16"] - outputs["float32"]).max()
    assert 0 < difference < 0.03 * np.abs(outputs["float32"]).max()


@pytest.mark.parametrize(
    ("kind", "units", "told"),
    [
        ("lstm", 64, "no sequence model is named 'lstm'"),
        ("attn", 64, "did you mean 'att'"),
        ("gru", 0, "positive multiple of 1, received 0"),
        ("tf", 100, "positive multiple of 8, received 100: choose 96"),
        ("tf", 132, "positive multiple of 16, received 132: choose 128"),
        ("att", 104, "positive multiple of 16, received 104: choose 96"),
        ("hybrid", 3, "positive multiple of 8, received 3: choose 8"),
    ],
)
def test_a_sequence_model_that_cannot_be_is_one_line_of_error(kind, units, told):
    with pytest.raises(AudiotagError) as raised:
        sequence_models.check(kind, units)
    assert told in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("units", [104, 160, 256, 512, 768, 1024])
def test_published_sizes_are_taken(units):
    for kind in ("gru", "tf", "hybrid"):
        sequence_models.check(kind, units)
    assert sequence_models.heads_of("tf", units) == (4 if units == 104 else 8)
