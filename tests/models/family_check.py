"""Called by test_families.py in other processes: every family's file, written, or opened by whatever Keras is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SMALL = {"width": 32, "depth": 2, "heads": 2, "frames": 200}
# Architecture, frames and mel bands of the input, and settings.
FAMILIES: dict[str, tuple[str, int, int, dict[str, Any]]] = {
    "mn mlp": ("mn01", 200, 128, {}),
    "mn fully convolutional": ("mn01_fc_s2211", 200, 128, {}),
    "mn attention pooling": ("mn01", 200, 128, {"head": "multihead_attention_pooling"}),
    "mn frames": ("mn01", 200, 128, {"head": "frames"}),
    "dymn": ("dymn04", 200, 128, {}),
    "dymn replace_se": ("dymn04_replace_se", 200, 128, {}),
    "fmn": ("fmn01", 200, 128, {}),
    "fmn gru": ("fmn01+gru-8", 200, 128, {}),
    "fmn tf": ("fmn01+tf-16", 200, 128, {}),
    "fmn att": ("fmn01+att-16", 200, 128, {}),
    "fmn tcn": ("fmn01+tcn-16", 200, 128, {}),
    "fmn hybrid": ("fmn01+hybrid-16", 200, 128, {}),
    "passt": ("passt", 200, 128, SMALL),
    "passt frames": ("passt", 200, 128, SMALL | {"head": "frames"}),
    "crnn": ("crnn", 200, 128, {}),
    "cnn_transformer": ("cnn_transformer", 200, 128, {}),
    "transformer_gru": ("transformer_gru", 200, 128, {}),
    "yamnet": ("yamnet", 200, 64, {}),
    "cnn6": ("cnn6", 200, 64, {}),
    "cnn10": ("cnn10", 200, 64, {}),
    "cnn14": ("cnn14", 200, 64, {}),
}
CLASSES = 5


def write(folder: Path) -> None:
    """Networks with random weights and random statistics, their inputs and what they give."""
    import keras

    from audiotag import models

    for number, (family, (name, frames, mels, options)) in enumerate(FAMILIES.items()):
        keras.utils.set_random_seed(number)
        generator = np.random.default_rng(number)
        network = models.build(name, classes=CLASSES, mels=mels, **options)
        for weight in network.weights:
            if weight.name in ("moving_mean", "moving_variance", "gamma", "beta"):
                low, high = {"moving_mean": (-0.1, 0.1), "beta": (-0.1, 0.1)}.get(weight.name, (0.8, 1.2))
                weight.assign(generator.uniform(low, high, weight.shape).astype("float32"))
        spectrograms = generator.normal(size=(2, frames, mels, 1)).astype(np.float32)
        models.save(network, folder / f"{number}.keras")
        outputs = keras.ops.convert_to_numpy(network(spectrograms))
        np.savez(folder / f"{number}.npz", family=family, spectrograms=spectrograms, outputs=outputs)


def opened(folder: Path, families: list[str]) -> dict[str, Any]:
    """Largest difference of every family's logits to the stored ones, over the largest of these; text where the file
    does not open.
    """
    import keras

    differences: dict[str, Any] = {}
    for family in families:
        number = list(FAMILIES).index(family)
        stored = np.load(folder / f"{number}.npz")
        try:
            network = keras.saving.load_model(folder / f"{number}.keras")
        except Exception as error:
            differences[family] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            continue
        # What JAX would compile operation by operation it compiles quicker as a whole; the others need not compile.
        network.compile(run_eagerly=keras.backend.backend() != "jax")
        outputs = network.predict(stored["spectrograms"], verbose=0)
        differences[family] = float(np.abs(outputs - stored["outputs"]).max() / np.abs(stored["outputs"]).max())
    return differences
