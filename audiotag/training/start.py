"""Before the first step: reproducible random numbers, and features that fit the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models.weights import resolve

if TYPE_CHECKING:
    from audiotag.records import Data


def prepare_backend(seed: int) -> None:
    """Seed weights and every other random number; on TensorFlow's CPU device also fix the order of sums.

    On a GPU the order stays free: several convolution gradients have no reproducible version there.
    """
    seed_everything(seed)
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def seed_everything(*numbers: int) -> None:
    """Seed Python, NumPy and the backend by a hash of some numbers."""
    keras.utils.set_random_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))


def check_front_end(model: str, weights: str, data: Data) -> None:
    """Refuse published weights, or a model file with a card, that were trained on other features than the data's.

    Raises:
        AudiotagError: naming both front ends and what differs.
    """
    front_end = resolve(model, weights).front_end
    difference = "" if front_end is None else front_end.difference(data.front_end)
    if difference:
        raise AudiotagError(
            f"weights {weights!r} hear through the front end {front_end.name!r}, {data.name} was built with "
            f"{data.front_end.name!r} ({difference}): build it with front_end={front_end.name!r}"
        )
