"""What Keras alone makes of a saved file: called in a process where audiotag cannot be imported."""

from __future__ import annotations

import importlib
from typing import Any

import keras
import numpy as np


def outputs(path: Any, batches: list[np.ndarray]) -> list[np.ndarray]:
    """What the saved network gives for each batch."""
    network = keras.saving.load_model(path)
    return [keras.ops.convert_to_numpy(network(batch)) for batch in batches]


def description(path: Any) -> tuple[tuple[int | None, ...], tuple[int | None, ...], bool]:
    """Shapes of a saved network's input and output, and whether it is compiled."""
    network = keras.saving.load_model(path)
    return network.input_shape, network.output_shape, network.compiled


def importable(name: str) -> bool:
    """Whether a module can be imported."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
