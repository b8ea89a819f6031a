"""Run by test_devices.py, a process a host: a training on some devices, and what came of it.

    python devices_check.py '{"data": …, "out": …, "choices": …, "cpus": 2, "devices": 2, "hosts": …, "result": …}'
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main(asked: dict[str, Any]) -> int:
    """Train as asked, and keep weights and history in a file; 2 and a line where that is refused."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    cpus = asked.get("cpus", 1)
    if asked["backend"] == "jax":
        quick = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        os.environ["XLA_FLAGS"] = f"{quick} --xla_force_host_platform_device_count={cpus}"
    os.environ["KERAS_BACKEND"] = asked["backend"]
    if asked["backend"] == "tensorflow" and cpus > 1:
        import tensorflow as tf

        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(cpus)]
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    import keras
    import numpy as np

    from audiotag.errors import AudiotagError
    from audiotag.training import Recipe, fitting, keeping, rendezvous, train

    fitting.starting_network = lambda *_: (_network(), "")
    rendezvous.WAITS = asked.get("waits", 120.0)
    callbacks = []
    if "killed_at" in asked:
        keeping.KEPT_EVERY = 0.0
        callbacks = [keras.callbacks.LambdaCallback(on_train_batch_begin=_at(asked["killed_at"], _kill))]
    if "interrupted_at" in asked:
        callbacks = [keras.callbacks.LambdaCallback(on_train_batch_begin=_at(asked["interrupted_at"], _interrupt))]
    try:
        run = train(
            Recipe(asked["data"], **asked["choices"]),
            asked["out"],
            callbacks=callbacks,
            devices=asked.get("devices"),
            hosts=asked.get("hosts"),
        )
    except AudiotagError as error:
        print(error, file=sys.stderr)
        return getattr(error, "code", 2)
    weights = {}
    if run.student.exists():
        student = keras.saving.load_model(run.student)
        weights = {str(number): weight for number, weight in enumerate(student.get_weights())}
    np.savez(asked["result"], history=json.dumps(run.history), **weights)
    return 0


def _network() -> Any:
    """A small one with normalisation, whose statistics of a batch show whether the batch is whole."""
    import keras

    log_mel = keras.Input((None, 16, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(log_mel)
    x = keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=0.5)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(log_mel, keras.layers.Dense(3)(x), name="small")


def _at(step: int, act: Any) -> Any:
    """Act before a step, counted over all epochs of this process."""
    steps = iter(range(step + 1))

    def begin(batch: int, logs: Any = None) -> None:
        if next(steps, -1) == step:
            act()

    return begin


def _kill() -> None:
    os.kill(os.getpid(), 9)


def _interrupt() -> None:
    os.kill(os.getpid(), 15)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
