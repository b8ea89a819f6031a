"""Forms of a convolution whose kernel every example mixes for itself, side by side in one run.

    KERAS_BACKEND=tensorflow python tests/benchmarks/dynamic_convolution.py [batch] [training]

For the shapes of a dymn10 and a 10 s clip: milliseconds of each form, best of interleaved rounds, one thread, and its
ratio to the first form, which audiotag takes (on JAX `shifted` for depthwise ones). TensorFlow and JAX compile, PyTorch
is eager. With `training`, forward and backward. A batch of 16 takes many minutes: the slow forms are very slow.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import keras
import numpy as np
from keras import ops

KERNELS = 4
ROUNDS = 5
# what, frames, mels, entering, leaving
POINTWISE = (
    ("expand 2", 500, 64, 16, 64),
    ("expand 7", 125, 16, 40, 240),
    ("expand 14", 32, 4, 160, 960),
    ("project 2", 250, 32, 64, 24),
    ("project 7", 63, 8, 240, 80),
    ("project 14", 32, 4, 960, 160),
)
# what, frames, mels, channels, edge, stride
DEPTHWISE = (
    ("3x3", 250, 32, 72, 3, 1),
    ("3x3", 63, 8, 672, 3, 1),
    ("3x3 by 2", 500, 64, 64, 3, 2),
    ("5x5", 125, 16, 120, 5, 1),
    ("5x5", 32, 4, 960, 5, 1),
    ("5x5 by 2", 250, 32, 72, 5, 2),
)


def mix(attention: Any, kernel: Any) -> Any:
    """Each example's kernel, flat."""
    return ops.matmul(attention, ops.reshape(kernel, (KERNELS, -1)))


def mixed_product(x: Any, attention: Any, kernel: Any) -> Any:
    """Mix the kernels, then one product of matrices an example."""
    batch, frames, mels, entering = ops.shape(x)
    mixture = ops.reshape(mix(attention, kernel), (-1, entering, kernel.shape[-1]))
    return ops.reshape(ops.matmul(ops.reshape(x, (batch, -1, entering)), mixture), (batch, frames, mels, -1))


def mixed_grouped(x: Any, attention: Any, kernel: Any) -> Any:
    """Mix the kernels, then one convolution of as many groups as examples."""
    batch, frames, mels, entering = ops.shape(x)
    mixture = ops.reshape(mix(attention, kernel), (batch, entering, -1))
    mixture = ops.reshape(ops.transpose(mixture, (1, 0, 2)), (1, 1, entering, -1))
    x = ops.reshape(ops.transpose(x, (1, 2, 0, 3)), (1, frames, mels, -1))
    x = ops.reshape(ops.conv(x, mixture, data_format="channels_last"), (frames, mels, batch, -1))
    return ops.transpose(x, (2, 0, 1, 3))


def all_kernels_product(x: Any, attention: Any, kernel: Any) -> Any:
    """Apply every kernel in one convolution, then mix the results."""
    batch, frames, mels, entering = ops.shape(x)
    every = ops.reshape(ops.transpose(kernel, (1, 0, 2)), (1, 1, entering, -1))
    x = ops.reshape(ops.conv(x, every, data_format="channels_last"), (batch, frames * mels, KERNELS, -1))
    return ops.reshape(ops.einsum("bpkc,bk->bpc", x, attention), (batch, frames, mels, -1))


def mixed_depthwise(x: Any, attention: Any, kernel: Any, stride: int) -> Any:
    """Mix the kernels, then one depthwise convolution over the channels of all examples."""
    batch, _, _, channels = ops.shape(x)
    edge = kernel.shape[1]
    mixture = ops.reshape(mix(attention, kernel), (batch, edge, edge, channels))
    mixture = ops.reshape(ops.transpose(mixture, (1, 2, 0, 3)), (edge, edge, -1, 1))
    x = x if stride == 1 else padded(x, edge)
    _, frames, mels, _ = ops.shape(x)
    x = ops.reshape(ops.transpose(x, (1, 2, 0, 3)), (1, frames, mels, -1))
    x = ops.depthwise_conv(x, mixture, stride, "same" if stride == 1 else "valid", data_format="channels_last")
    _, frames, mels, _ = ops.shape(x)
    return ops.transpose(ops.reshape(x, (frames, mels, batch, channels)), (2, 0, 1, 3))


def all_kernels_depthwise(x: Any, attention: Any, kernel: Any, stride: int) -> Any:
    """Apply every kernel in one depthwise convolution, then mix the results."""
    edge, channels = kernel.shape[1], kernel.shape[3]
    every = ops.transpose(kernel, (1, 2, 3, 0))
    x = ops.depthwise_conv(padded(x, edge), every, stride, "valid", data_format="channels_last")
    batch, frames, mels, _ = ops.shape(x)
    x = ops.reshape(x, (batch, frames * mels, channels, KERNELS))
    return ops.reshape(ops.einsum("bpck,bk->bpc", x, attention), (batch, frames, mels, channels))


def shifted(x: Any, attention: Any, kernel: Any, stride: int) -> Any:
    """Mix the kernels, then add up shifted copies of the input, each times its place in the kernel."""
    batch, frames, mels, channels = ops.shape(x)
    edge = kernel.shape[1]
    mixture = ops.reshape(mix(attention, kernel), (batch, edge, edge, 1, 1, channels))
    x, total = padded(x, edge), 0.0
    for row in range(edge):
        for column in range(edge):
            part = x[:, row : row + frames : stride, column : column + mels : stride]
            total = total + part * mixture[:, row, column]
    return total


def with_stride(form: Callable[..., Any], stride: int) -> Callable[..., Any]:
    """The form at a stride, under its own name."""
    return functools.wraps(form)(functools.partial(form, stride=stride))


def padded(x: Any, edge: int) -> Any:
    return ops.pad(x, ((0, 0), (edge // 2, edge // 2), (edge // 2, edge // 2), (0, 0)))


def compiled(form: Callable[..., Any], training: bool) -> dict[str, Callable[..., Any]]:
    """The form as the backend runs it; TensorFlow with and without XLA."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def step(*arrays: Any) -> Any:
            if not training:
                return form(*arrays)
            with tf.GradientTape() as tape:
                tape.watch(arrays)
                total = tf.reduce_sum(form(*arrays))
            return tape.gradient(total, arrays)

        return {"": tf.function(step), " XLA": tf.function(step, jit_compile=True)}
    if backend == "jax":
        import jax

        step = jax.grad(lambda *arrays: ops.sum(form(*arrays)), argnums=(0, 1, 2)) if training else form
        run = jax.jit(step)
        return {"": lambda *arrays: jax.block_until_ready(run(*arrays))}
    import torch

    def step(*arrays: Any) -> Any:
        if not training:
            with torch.no_grad():
                return form(*arrays)
        leaves = [array.detach().requires_grad_() for array in arrays]
        return torch.autograd.grad(form(*leaves).sum(), leaves)

    return {"": step}


def compare(what: str, forms: list[Callable[..., Any]], arrays: tuple[np.ndarray, ...], training: bool) -> None:
    """Check that the forms agree, time them in turns, print a line."""
    inputs = [ops.convert_to_tensor(array) for array in arrays]
    runs = {f"{form.__name__}{suffix}": run for form in forms for suffix, run in compiled(form, training).items()}
    results = {name: run(*inputs) for name, run in runs.items()}
    if not training:
        first, *others = (ops.convert_to_numpy(result) for result in results.values())
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-4)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            run(*inputs)
            taken[name].append(1000 * (time.perf_counter() - started))
    reference = min(next(iter(taken.values())))
    cells = [f"{name} {min(times):.2f} ({min(times) / reference:.2f})" for name, times in taken.items()]
    print(f"{what:32s} {'   '.join(cells)}", flush=True)


def main(batch: int = 1, training: bool = False) -> None:
    """Every kind of convolution of a DyMN, at several depths."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    if backend == "torch":
        import torch

        torch.set_num_threads(1)
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype(np.float32)

    attention = generator.dirichlet(np.ones(KERNELS), batch).astype(np.float32)
    print(f"{backend}, batch {batch}, {'training' if training else 'inference'}: ms (ratio to the first)")
    for what, frames, mels, entering, leaving in POINTWISE:
        arrays = (normal(batch, frames, mels, entering), attention, normal(KERNELS, entering, leaving) / entering**0.5)
        title = f"{what} {frames}x{mels} {entering}->{leaving}"
        compare(title, [mixed_product, mixed_grouped, all_kernels_product], arrays, training)
    for what, frames, mels, channels, edge, stride in DEPTHWISE:
        arrays = (normal(batch, frames, mels, channels), attention, normal(KERNELS, edge, edge, channels) / edge)
        forms = [with_stride(form, stride) for form in (mixed_depthwise, all_kernels_depthwise, shifted)]
        compare(f"{what} {frames}x{mels} {channels}", forms, arrays, training)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), training="training" in sys.argv)
