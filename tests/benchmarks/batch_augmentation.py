"""Time of every augmentation of batches beside a training step.

    python tests/benchmarks/batch_augmentation.py [model] [frames] [batch]

Prints milliseconds of processor time a batch, interleaved in one run, and their share of the step: compiled as a graph,
and on TensorFlow by XLA too.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from audiotag.startup import import_tensorflow_quietly

ROUNDS = 5
SETTINGS = {
    "mixup": 0.3,
    "roll": 100,
    "gain": 12.0,
    "filter_augment": 6.0,
    "freq_mix_style": 0.4,
    "frequency_shift": 4,
    "erase_bands": 0.1,
    "frequency_mask": 24,
    "time_mask": 100,
}


def main(name: str = "mn02", frames: int = 500, batch: int = 32) -> None:
    """Measure every augmentation, and all of them."""
    import_tensorflow_quietly()
    import keras
    import tensorflow as tf

    from audiotag import models
    from audiotag.augment.batches import BatchPolicy
    from audiotag.training.losses import loss_for, trainee

    generator = np.random.default_rng(0)
    log_mel = generator.normal(size=(batch, frames, 128, 1)).astype("float32")
    label = np.eye(10, dtype="float32")[generator.integers(0, 10, batch)]
    network = models.build(name, classes=10, frames=frames)
    model = trainee(network, loss_for("multiclass"), keras.optimizers.Adam(), None)
    parts = {"log_mel": tf.constant(log_mel), "label": tf.constant(label)}

    def compiled(settings: dict[str, float], xla: bool) -> tf.types.experimental.GenericFunction:
        policy = BatchPolicy(settings, seed=0)
        return tf.function(lambda: policy(parts, training=True), jit_compile=xla)

    policies = {setting: {setting: value} for setting, value in SETTINGS.items()} | {"all": SETTINGS}
    work = {(setting, xla): compiled(chosen, xla) for setting, chosen in policies.items() for xla in (False, True)}
    work["step", False] = lambda: model.train_on_batch(log_mel, label)
    seconds = {key: [] for key in work}
    for _ in range(1 + ROUNDS):
        for key, function in work.items():
            started = time.process_time()
            function()
            seconds[key].append(time.process_time() - started)
    best = {key: 1000 * min(times[1:]) for key, times in seconds.items()}
    step = best["step", False]
    print(f"{name}, batch {batch} x {frames} x 128, ms of processor time, best of {ROUNDS}: a step {step:.0f}")
    for setting in policies:
        graph, xla = best[setting, False], best[setting, True]
        print(f"{setting:16} graph {graph:6.1f} ({graph / step:.1%})   XLA {xla:6.1f} ({xla / step:.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
