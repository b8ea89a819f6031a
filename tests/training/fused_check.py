"""Called by test_fused.py in a process of each backend: the twin of a network beside the network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np

from audiotag import models
from audiotag.models.blocks import convolution, depthwise, normalization
from audiotag.training.fused import twin_of

BATCH, FRAMES, MELS, CLASSES = 6, 13, 6, 3
MEANS = (0.0, 300.0, -4000.0, 1e-3)


def network(seed: int = 1) -> keras.Model:
    """Every form that has a twin, and normalised maps that more than the activation takes."""
    keras.utils.set_random_seed(seed)
    entry = keras.Input((None, MELS, 1))
    x = normalization(convolution(entry, 8, 3, 2, "stem"), "stem", "hard_silu")
    # Maps of 7 frames and 3 mels: less than the kernel's side, and more.
    x = normalization(depthwise(x, 5, 1, 1, "low"), "low", "relu")
    x = normalization(convolution(x, 8, 1, 1, "project"), "project")
    x = keras.layers.Add()([x, keras.layers.Activation("relu", name="project_activation")(x)])
    x = normalization(depthwise(x, 3, 2, 1, "strided"), "strided", "hard_silu")
    x = normalization(depthwise(x, 3, 1, 2, "dilated"), "dilated", "relu")
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="biased")(x)
    x = keras.layers.BatchNormalization(axis=2, name="over_mels")(x)
    x = keras.layers.BatchNormalization(name="pooled")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(entry, keras.layers.Dense(CLASSES, name="logits")(x))


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Inputs that are far from 0, and targets."""
    generator = np.random.default_rng(0)
    log_mel = generator.normal(2.0, size=(BATCH, FRAMES, MELS, 1)).astype(np.float32)
    return log_mel, np.eye(CLASSES, dtype=np.float32)[generator.integers(0, CLASSES, BATCH)]


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Networks are made under a policy; float64 in all that Keras does."""
    wide = contextlib.nullcontext()
    if name == "float64":
        keras.config.set_floatx("float64")
        if keras.backend.backend() == "jax":
            import jax

            wide = jax.enable_x64(True)
    keras.config.set_dtype_policy(name)
    try:
        with wide:
            yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def as_on_gpu() -> contextlib.AbstractContextManager[Any]:
    """JAX has the twins that it has on a GPU."""
    if keras.backend.backend() == "jax":
        return mock.patch("audiotag.training.fused.jax._on_gpu", return_value=True)
    return contextlib.nullcontext()


def step(model: keras.Model, inputs: np.ndarray, targets: np.ndarray) -> float:
    """The loss of one step of gradient descent."""
    outputs = keras.Model(model.input, model.output)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    # A first step in float16 would be left out, until the scale of the loss fits.
    settings = {"auto_scale_loss": False, "jit_compile": keras.backend.backend() == "jax"}
    outputs.compile(keras.optimizers.SGD(0.1), loss, **settings)
    return float(outputs.train_on_batch(inputs, targets))


def values(layer: keras.layers.Layer) -> np.ndarray:
    """All variables, one after another."""
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(variable)) for variable in layer.variables])


def differences(reference: str, names: tuple[str, ...], path: Path | None = None) -> dict[str, dict[str, float]]:
    """One step through the twin under each policy, beside one of Keras' own layers under a policy of reference.

    Args:
        reference: policy of the plain network.
        names: policies of those with a twin.
        path: file that the last of them is written to.

    Returns:
        By policy: the difference of the loss, the largest of a variable, and how far the plain step moved one.
    """
    with policy(reference):
        plain = network()
        before = values(plain)
        loss = step(plain, *batch())
        after = values(plain)
    result = {}
    for name in names:
        with policy(name), as_on_gpu():
            trained = network()
            result[name] = {
                "loss": abs(step(twin_of(trained), *batch()) - loss),
                "variables": float(np.abs(values(trained) - after).max()),
                "way": float(np.abs(after - before).max()),
            }
    if path is not None:
        trained.save(path)
    return result


def kinds() -> dict[str, str]:
    """Which layers of the network the twin has not, and what stands there."""
    plain = network()
    with as_on_gpu():
        twin = twin_of(plain)
    named = {layer.name: type(layer).__name__ for layer in twin.layers}
    return {layer.name: named[f"{layer.name}_fused"] for layer in plain.layers if f"{layer.name}_fused" in named}


def inference() -> float:
    """Largest difference between what the twin and the network give, not training."""
    plain = network()
    generator = np.random.default_rng(2)
    plain.set_weights([generator.uniform(0.5, 1.5, variable.shape) for variable in plain.variables])
    inputs, _ = batch()
    with as_on_gpu():
        return float(np.abs(output(twin_of(plain), inputs) - output(plain, inputs)).max())


def frozen() -> tuple[float, float]:
    """How far the variables of frozen normalisation went in a step, and all."""
    trained = network()
    normalizations = [layer for layer in trained.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.trainable = False
    before = [values(layer) for layer in (*normalizations, trained)]
    step(twin_of(trained), *batch())
    ways = [
        float(np.abs(values(layer) - old).max()) for layer, old in zip((*normalizations, trained), before, strict=True)
    ]
    return max(ways[:-1]), ways[-1]


def statistics(name: str) -> dict[str, Any]:
    """Batch statistics of maps whose means are far from 0 under a policy, against NumPy in float64.

    Returns:
        Dtypes of the output and the running variance; differences of the output, of the mean in standard deviations
        and of the variance by its own size.
    """
    maps = np.random.default_rng(1).normal(MEANS, (1, 1, 20, 1e-3), (BATCH, FRAMES, MELS, len(MEANS)))
    with policy(name):
        entry = keras.Input((FRAMES, MELS, len(MEANS)))
        # The running statistics are those of the last batch.
        layer = keras.layers.BatchNormalization(momentum=0.0, epsilon=1e-7)
        twin = twin_of(keras.Model(entry, keras.layers.Activation("hard_silu")(layer(entry))))
        inputs = keras.ops.cast(maps, layer.compute_dtype)
        outputs = twin(inputs, training=True)
    exact = _float64(inputs)
    mean, variance = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    standard = (exact - mean) / np.sqrt(variance + 1e-7)
    expected = standard * np.clip(standard + 3, 0, 6) / 6
    moved_mean, moved_variance = _float64(layer.moving_mean), _float64(layer.moving_variance)
    return {
        "output dtype": keras.backend.standardize_dtype(outputs.dtype),
        "variance dtype": layer.moving_variance.dtype,
        "output": float(np.abs(_float64(outputs) - expected).max()),
        "mean": float((np.abs(moved_mean - mean) / np.sqrt(variance)).max()),
        "variance": float((np.abs(moved_variance - variance) / variance).max()),
    }


def _float64(tensor: Any) -> np.ndarray:
    # Neither NumPy nor PyTorch's way to it knows bfloat16.
    narrow = keras.backend.standardize_dtype(tensor.dtype) == "bfloat16"
    return np.float64(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32") if narrow else tensor))


def output(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def of_family(name: str) -> dict[str, float]:
    """As `differences`, in float32, of a network of a family."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(4, 64, 128, 1)).astype(np.float32)
    targets = np.eye(CLASSES, dtype=np.float32)[generator.integers(0, CLASSES, 4)]
    outcomes = []
    for make in (lambda model: model, twin_of):
        keras.utils.set_random_seed(1)
        trained = models.build(name, classes=CLASSES)
        before = values(trained)
        with as_on_gpu():
            loss = step(make(trained), inputs, targets)
        outcomes.append((loss, values(trained)))
    (expected, after), (loss, other) = outcomes
    return {
        "loss": abs(loss - expected),
        "variables": float(np.abs(other - after).max()),
        "way": float(np.abs(after - before).max()),
    }


def opened(path: Path) -> np.ndarray:
    """What a network in a file gives for the inputs."""
    return output(keras.saving.load_model(path), batch()[0])
