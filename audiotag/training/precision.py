"""The precision in which a network computes while it trains; its variables and its file stay float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras
import numpy as np

from audiotag.errors import AudiotagError

Precision = Literal["float32", "bfloat16", "float16"]


@contextmanager
def computing_in(precision: Precision, *networks: keras.Model) -> Iterator[None]:
    """Let networks compute in a precision within the block, and in their own afterwards.

    The layers that give a network's outputs stay float32, and so do all variables.

    Args:
        precision: of multiplications; sums of normalisation are float32.
        networks: functional models, log-mel to logits.

    Raises:
        AudiotagError: the device does not compute in this precision.
    """
    if precision == "float32":
        yield
        return
    _check(precision)
    before = []
    for network in networks:
        last = {tensor._keras_history.operation.name for tensor in network.outputs}
        for layer in network._flatten_layers(include_self=False):
            if layer.name not in last and layer.dtype_policy.name == "float32":
                before.append((layer, layer.dtype_policy))
                layer.dtype_policy = f"mixed_{precision}"
    try:
        yield
    finally:
        for layer, policy in before:
            layer.dtype_policy = policy


def _check(precision: Precision) -> None:
    """Refuse a precision in which the device has no convolutions."""
    ones = [keras.ops.ones(shape, precision) for shape in ((1, 4, 4, 8), (3, 3, 8, 1), (1, 1, 8, 8))]
    try:
        maps = keras.ops.conv(keras.ops.depthwise_conv(ones[0], ones[1], padding="same"), ones[2])
        total = float(np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(maps, "float32"))).sum())
    except Exception as error:
        raise AudiotagError(
            f"this device has no convolutions of {precision} ({type(error).__name__}): train in float32"
        ) from error
    if total != 100 * 8 * 8:
        raise AudiotagError(f"this device's convolutions of {precision} are wrong ({total} for 6400): train in float32")
