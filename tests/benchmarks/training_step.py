"""Time of a training step with Keras' own batch normalisation against the fused kernel that `train` uses.

    python tests/benchmarks/training_step.py [model] [frames] [batch]

Prints milliseconds an example for both, interleaved in one run, and their ratio.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from audiotag.startup import import_tensorflow_quietly

ROUNDS = 5


def main(name: str = "mn02", frames: int = 500, batch: int = 16) -> None:
    """Measure one model."""
    import_tensorflow_quietly()
    import keras

    from audiotag import models, training
    from audiotag.training.losses import loss_for
    from audiotag.training.trainee import Trainee

    generator = np.random.default_rng(0)
    log_mel = generator.normal(size=(batch, frames, 128, 1)).astype("float32")
    target = np.eye(10, dtype="float32")[generator.integers(0, 10, batch)]
    network = models.build(name, classes=10, frames=frames)
    plain = keras.Model(network.input, network.output)
    plain.compile("adam", training.loss_for("multiclass"))
    fused = Trainee(network, loss_for("multiclass"), keras.optimizers.Adam())
    seconds = {"plain": [], "fused": []}
    for _ in range(1 + ROUNDS):
        batches = {"plain": (log_mel, target), "fused": ({"log_mel": log_mel, "label": target},)}
        for label, model in (("plain", plain), ("fused", fused)):
            started = time.perf_counter()
            model.train_on_batch(*batches[label])
            seconds[label].append(time.perf_counter() - started)
    each = {label: 1000 * min(times[1:]) / batch for label, times in seconds.items()}
    print(f"{name}, {frames} frames, batch {batch}, ms an example, best of {ROUNDS}:")
    print(f"plain {each['plain']:.1f}   fused {each['fused']:.1f}   ratio {each['plain'] / each['fused']:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
