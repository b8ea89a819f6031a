"""Called by test_fused.py in a process of each backend: the twin of a network beside the network."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
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
    """Networks are made under a policy."""
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def as_on_gpu() -> contextlib.AbstractContextManager[Any]:
    """JAX has the twins that it has on a GPU."""
    if keras.backend.backend() == "jax":
        return mock.patch("audiotag.training.fused.jax._on_gpu", return_value=True)
    return contextlib.nullcontext()


def step(model: keras.Model, inputs: np.ndarray, targets: np.ndarray) -> None:
    """A step of gradient descent."""
    trained = keras.Model(model.input, model.output)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    # A first step in float16 would be left out, until the scale of the loss fits.
    settings = {"auto_scale_loss": False, "jit_compile": keras.backend.backend() == "jax"}
    trained.compile(keras.optimizers.SGD(0.1), loss, **settings)
    trained.train_on_batch(inputs, targets)


def values(layer: keras.layers.Layer) -> np.ndarray:
    """All variables, one after another."""
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(variable)) for variable in layer.variables])


def differences(names: tuple[str, ...], path: Path | None = None) -> dict[str, float]:
    """A step through the twin under each policy, beside one of Keras' own layers in float32.

    Args:
        names: the policies.
        path: file that the network of the last one is written to.

    Returns:
        How far apart the variables end, of the way that they went.
    """
    plain = network()
    before = values(plain)
    step(plain, *batch())
    after = values(plain)
    result = {}
    for name in names:
        with policy(name), as_on_gpu():
            trained = network()
            step(twin_of(trained), *batch())
        result[name] = float(np.linalg.norm(values(trained) - after) / np.linalg.norm(after - before))
    if path is not None:
        trained.save(path)
    return result


def gradients() -> dict[str, float]:
    """Gradients of every form that JAX has, in float64, against automatic differentiation of the formula.

    Returns:
        The largest difference of a value or a gradient, by the form.
    """
    import jax
    import jax.numpy as jnp

    from audiotag.training.fused.jax import depthwise, normalize

    def normalize_plainly(x: Any, gamma: Any, beta: Any, activation: Any) -> Any:
        axes = (0, 1, 2)
        return activation((x - x.mean(axes)) / jnp.sqrt(x.var(axes) + 1e-3) * gamma + beta)

    def convolve_plainly(x: Any, kernel: Any) -> Any:
        rows, columns, channels = kernel.shape
        kernel, edges = kernel.reshape(rows, columns, 1, channels), ((rows // 2,) * 2, (columns // 2,) * 2)
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), edges, dimension_numbers=layout, feature_group_count=channels
        )

    def difference(form: Callable[..., Any], plain: Callable[..., Any], *shapes: tuple[int, ...]) -> float:
        arrays = [jnp.asarray(generator.normal(2.0, size=shape)) for shape in shapes]
        outputs, pull = jax.vjp(form, *arrays)
        expected, pull_plainly = jax.vjp(plain, *arrays)
        gradient = jnp.asarray(generator.normal(size=outputs.shape))
        pairs = zip((outputs, *pull(gradient)), (expected, *pull_plainly(gradient)), strict=True)
        return max(float(jnp.abs(value - other).max()) for value, other in pairs)

    generator = np.random.default_rng(3)
    result = {}
    with jax.enable_x64(True):
        for name in ("linear", "relu", "hard_silu"):
            activation = keras.activations.get(name)
            form = functools.partial(_first, normalize, epsilon=1e-3, activation=activation)
            plain = functools.partial(normalize_plainly, activation=activation)
            result[name] = difference(form, plain, (4, 5, 3, 2), (2,), (2,))
        for frames, mels, rows, columns in ((7, 3, 5, 5), (2, 3, 5, 5), (8, 9, 3, 5)):
            shapes = (2, frames, mels, 3), (rows, columns, 3)
            result[f"{rows}x{columns} on {frames}x{mels}"] = difference(depthwise, convolve_plainly, *shapes)
    return result


def _first(normalize: Callable[..., Any], *arrays: Any, epsilon: float, activation: Any) -> Any:
    return normalize(*arrays, epsilon, activation)[0]


def kinds(on_gpu: bool = True) -> dict[str, str]:
    """Which layers of the network the twin has not, and what stands there."""
    plain = network()
    with as_on_gpu() if on_gpu else contextlib.nullcontext():
        twin = twin_of(plain)
    kinds_of_twin = {layer.name: type(layer).__name__ for layer in twin.layers}
    replaced = {layer.name: kinds_of_twin.get(f"{layer.name}_fused") for layer in plain.layers}
    return {name: kind for name, kind in replaced.items() if kind is not None}


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
    with as_on_gpu():
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
    with policy(name), as_on_gpu():
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


def of_family(name: str) -> float:
    """As `differences`, in float32, of a network of a family."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(4, 64, 128, 1)).astype(np.float32)
    targets = np.eye(CLASSES, dtype=np.float32)[generator.integers(0, CLASSES, 4)]
    ends = []
    for make in (lambda model: model, twin_of):
        keras.utils.set_random_seed(1)
        trained = models.build(name, classes=CLASSES)
        start = values(trained)
        with as_on_gpu():
            step(make(trained), inputs, targets)
        ends.append(values(trained))
    plain, fused = ends
    return float(np.linalg.norm(fused - plain) / np.linalg.norm(plain - start))


def opened(path: Path) -> np.ndarray:
    """What a network in a file gives for the inputs."""
    return output(keras.saving.load_model(path), batch()[0])
