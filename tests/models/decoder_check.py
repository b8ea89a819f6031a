"""Called by test_decoder.py in a process of each backend: a decoder against NumPy, at once and piece by piece."""

from __future__ import annotations

import keras
import numpy as np

from audiotag import models
from audiotag.models.decoder import CachedDecoder

SIZES = {"width": 24, "depth": 2, "heads": 3, "dropout": 0.1}
TOKENS = 11


def network() -> keras.Model:
    """A small decoder whose weights are large enough for everything to matter."""
    made = models.build("decoder", classes=TOKENS, **SIZES)
    random = np.random.default_rng(5)
    for weight in made.weights:
        if weight.trainable:
            weight.assign(random.normal(0, 0.4, weight.shape) + (weight.name == "scale"))
    return made


def sequences() -> np.ndarray:
    """(2, 17) tokens, the beginning first."""
    drawn = np.random.default_rng(6).integers(0, TOKENS, (2, 16))
    return np.concatenate([np.full((2, 1), TOKENS), drawn], axis=1).astype(np.int32)


def logits() -> dict[str, np.ndarray]:
    """Logits of the whole at once, and piece by piece with a cache, and of one with another end."""
    made, tokens = network(), sequences()
    cache = CachedDecoder(made, 20, batch=2)
    pieces = [cache(tokens[:, :5]), cache(tokens[:, 5:6]), cache(tokens[:, 6:9])]
    pieces += [cache(tokens[:, place : place + 1]) for place in range(9, 17)]
    other = tokens.copy()
    other[:, 10:] = (other[:, 10:] + 1) % TOKENS
    return {
        "whole": made.predict_on_batch(tokens),
        "cached": np.concatenate(pieces, axis=1),
        "other": made.predict_on_batch(other),
    }


def weights() -> dict[str, np.ndarray]:
    """Of the network, by path."""
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in network().weights}
