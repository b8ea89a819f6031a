"""Time of a network for a 10 s clip, log-mel to logits: Keras on TensorFlow beside the PyTorch reference, in one run.

    python tests/benchmarks/model_time.py [model …]

One thread, batch 1, random weights: milliseconds, best of interleaved rounds, and the ratio of PyTorch's time to each:
above 1 is faster than PyTorch. PyTorch is eager, in the published way of computing (tests/models/torch_reference).
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import torch

ROUNDS = 10
FRAMES = {"passt_s": 998}
CLASSES = 527


def reference(file: str) -> ModuleType:
    """A module of tests/models/torch_reference."""
    path = Path(__file__).parents[1] / "models" / "torch_reference" / f"{file}.py"
    specification = importlib.util.spec_from_file_location(f"reference_{file}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def references() -> dict[str, Callable[[], Any]]:
    """The PyTorch modules by the names of ours."""
    mn, dymn, passt = reference("mn"), reference("dymn"), reference("passt")
    return {
        "mn04": lambda: mn.MN(0.4),
        "mn10": lambda: mn.MN(1.0),
        "dymn04": lambda: dymn.DyMN(0.4),
        "dymn10": lambda: dymn.DyMN(1.0),
        "passt_s": passt.PaSST,
    }


def contenders(name: str, module: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """Every way to run a network, ready to be called."""
    from audiotag import models

    frames = FRAMES.get(name, 1000)
    clip = np.random.default_rng(0).normal(size=(1, frames, 128, 1)).astype(np.float32)
    network = models.build(name, classes=CLASSES)
    anything = [tf.TensorSpec((None, None, 128, 1))]
    compiled = tf.function(lambda x: network(x, training=False), input_signature=anything)
    ours, theirs = tf.constant(clip), torch.tensor(clip.transpose(0, 3, 2, 1))
    network_of_torch = module().eval()

    def eager() -> Any:
        with torch.inference_mode():
            return network_of_torch(theirs)

    return {
        "PyTorch eager": eager,
        "predict_on_batch": lambda: network.predict_on_batch(clip),
        "tf.function": lambda: compiled(ours).numpy(),
    }


def main(names: list[str]) -> None:
    """Measure the models named, or all."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    torch.set_num_threads(1)
    modules = references()
    print(f"10 s, one thread, batch 1: ms (PyTorch's time over it), best of {ROUNDS}")
    for name in names or modules:
        runs = contenders(name, modules[name])
        taken: dict[str, list[float]] = {label: [] for label in runs}
        for _ in range(1 + ROUNDS):
            for label, run in runs.items():
                started = time.perf_counter()
                run()
                taken[label].append(1000 * (time.perf_counter() - started))
        best = {label: min(times[1:]) for label, times in taken.items()}
        cells = [f"{label} {ms:.1f} ({best['PyTorch eager'] / ms:.2f})" for label, ms in best.items()]
        print(f"{name:8s} {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
