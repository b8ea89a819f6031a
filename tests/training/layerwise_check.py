"""Called by test_layerwise.py in a process of each backend: what layer-wise rates do."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np

from audiotag.training import LayerwiseAdam, layer_rates

RATES, DECAY, SHRINK = (0.02, 0.05, 0.01, 0.03), 0.5, 0.2
EPSILON = 1e-7


def problem() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Inputs, targets and the start of a linear network of three dense layers."""
    generator = np.random.default_rng(0)
    sizes = (4, 5, 3, 2)
    start = []
    for low, high in itertools.pairwise(sizes):
        start += [generator.normal(size=(low, high)), generator.normal(size=high)]
    return generator.normal(size=(16, 4)), generator.normal(size=(16, 2)), start


def reference(decays: list[float], shrink: float) -> list[np.ndarray]:
    """Adam in float64, by hand: each variable's rate is the epoch's times its own factor."""
    inputs, targets, weights = problem()
    first, second = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    for step, rate in enumerate(RATES, 1):
        for i, gradient in enumerate(gradients(inputs, targets, weights)):
            own = rate * decays[i]
            weights[i] = weights[i] * (1 - own * shrink)
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            # Keras' epsilon stands beside the square root before the correction of its bias.
            size = own * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights[i] = weights[i] - size * first[i] / (np.sqrt(second[i]) + EPSILON)
    return weights


def gradients(inputs: np.ndarray, targets: np.ndarray, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Of the mean squared error with respect to every kernel and bias."""
    kernels, biases = weights[::2], weights[1::2]
    levels = [inputs]
    for kernel, bias in zip(kernels, biases, strict=True):
        levels.append(levels[-1] @ kernel + bias)
    error = 2 * (levels[-1] - targets) / targets.size
    found: list[np.ndarray] = []
    for level, kernel in zip(reversed(levels[:-1]), reversed(kernels), strict=True):
        found = [level.T @ error, error.sum(0), *found]
        error = error @ kernel.T
    return found


def network() -> keras.Model:
    """The linear network at its start; a layer without weights is no part."""
    entry = keras.Input((4,))
    x = keras.layers.Dense(5, name="low")(entry)
    x = keras.layers.Activation("linear", name="nothing")(keras.layers.Dense(3, name="middle")(x))
    model = keras.Model(entry, keras.layers.Dense(2, name="top")(x))
    model.set_weights([weight.astype(np.float32) for weight in problem()[2]])
    return model


def trained(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> list[np.ndarray]:
    """Its weights after an epoch of one step for each rate."""
    inputs, targets, _ = problem()
    model.compile(optimizer, "mse")
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: RATES[epoch])
    model.fit(inputs, targets, batch_size=16, epochs=len(RATES), shuffle=False, verbose=0, callbacks=[schedule])
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def difference(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Largest absolute difference."""
    return max(float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True))


def report() -> dict[str, Any]:
    """Differences from the references, and how far the weights went at all."""
    decays = [DECAY**2, DECAY**2, DECAY, DECAY, 1.0, 1.0]
    layered, plain, even, frozen = (network() for _ in range(4))
    found = trained(layered, LayerwiseAdam(1.0, layer_rates(layered, DECAY), SHRINK))
    same = trained(even, LayerwiseAdam(1.0, layer_rates(even, 1.0), SHRINK))
    frozen.get_layer("low").trainable = False
    upper = trained(frozen, LayerwiseAdam(1.0, layer_rates(frozen, DECAY)))
    # Frozen, the lowest layer has no step at all; the factors of the others do not change by it.
    expected = reference([0.0, 0.0, *decays[2:]], 0.0)
    again = LayerwiseAdam.from_config(layered.optimizer.get_config())
    return {
        "layer-wise": difference(found, reference(decays, SHRINK)),
        "even": difference(same, trained(plain, keras.optimizers.AdamW(1.0, weight_decay=SHRINK))),
        "frozen": difference(upper, expected),
        "way": difference(found, problem()[2]),
        "shapes": [list(variable.shape) for variable in layered.optimizer.variables]
        == [list(variable.shape) for variable in plain.optimizer.variables],
        "config": again.get_config() == layered.optimizer.get_config(),
    }
