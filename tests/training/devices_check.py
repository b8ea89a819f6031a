"""Run by test_devices.py, a process a host: trainings one after the other, and what came of each.

It takes one argument, JSON: `backend`, `cpus` (into how many devices the CPU is divided), `waits` (seconds), and
`trainings`, a list of `data`, `out`, `choices`, `devices`, `hosts`, `result` (a file), `killed_at` and `interrupted_at`
(steps of this process).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def main(asked: dict[str, Any]) -> int:
    """Train as asked; the exit code of a refusal, whose line goes to standard error."""
    _prepare(asked["backend"], asked.get("cpus", 1))
    from audiotag.errors import AudiotagError
    from audiotag.training import fitting, hosts, rendezvous

    fitting.starting_network = lambda recipe, *_: (_network(recipe.model_options["normalized"]), "")
    rendezvous.WAITS = asked.get("waits", 300.0)
    hosts.MEET_EVERY = 0.0  # before every step
    try:
        for training in asked["trainings"]:
            _train(training)
    except AudiotagError as error:
        print(error, file=sys.stderr)
        return getattr(error, "code", 2)
    return 0


def _prepare(backend: str, cpus: int) -> None:
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
    if backend == "jax":
        quick = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        os.environ["XLA_FLAGS"] = f"{quick} --xla_force_host_platform_device_count={cpus}"
    elif cpus > 1:
        import tensorflow as tf

        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(cpus)]
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)


def _train(training: dict[str, Any]) -> None:
    import keras
    import numpy as np

    from audiotag.training import Recipe, keeping, train

    callbacks = []
    for name, number in (("killed_at", signal.SIGKILL), ("interrupted_at", signal.SIGTERM)):
        if name in training:
            begin = _at(training[name], lambda number=number: os.kill(os.getpid(), number))
            callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_begin=begin))
    if "killed_at" in training:
        keeping.KEPT_EVERY = 0.0
    recipe = Recipe(training["data"], **training["choices"])
    where = {name: training.get(name) for name in ("devices", "hosts")}
    run = train(recipe, training["out"], callbacks=callbacks, **where)
    weights = {}
    if run.student.exists():
        student = keras.saving.load_model(run.student)
        weights = {str(number): weight for number, weight in enumerate(student.get_weights())}
    np.savez(training["result"], history=json.dumps(run.history), **weights)


def _network(normalized: bool) -> Any:
    """A small one; normalisation shows by the statistics of a batch whether the batch is whole."""
    import keras

    log_mel = keras.Input((None, 16, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(log_mel)
    if normalized:
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Activation("relu")(x))
    return keras.Model(log_mel, keras.layers.Dense(3)(x), name="small")


def _at(step: int, act: Callable[[], None]) -> Callable[..., None]:
    """Act before a step, counted over all epochs of this process."""
    steps = iter(range(step + 1))

    def begin(batch: int, logs: Any = None) -> None:
        if next(steps, None) == step:
            act()

    return begin


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
