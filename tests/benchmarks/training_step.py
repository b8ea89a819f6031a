"""Time of a training step: Keras' own layers, the fused ones that `train` uses, and PyTorch's, on one thread.

    python tests/benchmarks/training_step.py [model] [frames] [batch]

Prints milliseconds an example, best of interleaved rounds in one run, and the ratio of each to PyTorch's time: below 1
is quicker. PyTorch is eager, in the published way of computing (tests/models/torch_reference), and is left out
of families that are not there; every step ends with Adam.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np
from model_time import references

from audiotag.startup import import_tensorflow_quietly

ROUNDS = 5
CLASSES = 527


def steps_of_keras(name: str, log_mel: np.ndarray, target: np.ndarray) -> dict[str, Callable[[], Any]]:
    """A step with Keras' own layers and one with the fused ones."""
    import_tensorflow_quietly()
    import keras
    import tensorflow as tf

    from audiotag import models
    from audiotag.training.losses import loss_for
    from audiotag.training.trainee import Trainee

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = models.build(name, classes=CLASSES, frames=log_mel.shape[1])
    plain = keras.Model(network.input, network.output)
    plain.compile("adam", loss_for("multilabel"))
    fused = Trainee(network, loss_for("multilabel"), keras.optimizers.Adam())
    return {
        "plain": lambda: plain.train_on_batch(log_mel, target),
        "fused": lambda: fused.train_on_batch({"log_mel": log_mel, "label": target}),
    }


def step_of_torch(module: Callable[[], Any], log_mel: np.ndarray, target: np.ndarray) -> Callable[[], Any]:
    """A step as a training in PyTorch takes it."""
    import torch

    torch.set_num_threads(1)
    network = module().train()
    optimizer = torch.optim.Adam(network.parameters())
    x, y = torch.tensor(log_mel.transpose(0, 3, 2, 1)), torch.tensor(target)

    def step() -> None:
        logits = network(x)
        logits = logits[0] if isinstance(logits, tuple) else logits
        torch.nn.functional.binary_cross_entropy_with_logits(logits, y).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def main(name: str = "mn04", frames: int = 1000, batch: int = 16) -> None:
    """Measure one model."""
    generator = np.random.default_rng(0)
    log_mel = generator.normal(size=(batch, frames, 128, 1)).astype("float32")
    target = (generator.random((batch, CLASSES)) < 0.01).astype("float32")
    steps = steps_of_keras(name, log_mel, target)
    modules = references()
    if name in modules:
        steps["PyTorch"] = step_of_torch(modules[name], log_mel, target)
    seconds: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(1 + ROUNDS):
        for label, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[label].append(time.perf_counter() - started)
    each = {label: 1000 * min(times[1:]) / batch for label, times in seconds.items()}
    anchor = each.get("PyTorch", each["plain"])
    print(f"{name}, {frames} frames, batch {batch}, one thread, ms an example, best of {ROUNDS} (ratio):")
    print("   ".join(f"{label} {time:.1f} ({time / anchor:.2f})" for label, time in each.items()))


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
