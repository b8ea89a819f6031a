"""Every example of a batch with another one, and a weight from a Beta distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from audiotag.augment.batches.augmentation import integers_below

_QUANTILES = 4096


def beta_quantiles(alpha: float) -> np.ndarray:
    """4096 values of Beta(alpha, alpha), equally likely, float32: to draw one of them is to draw from it.

    The usual way, by two Gamma distributions, XLA does not compile on TensorFlow.
    """
    from scipy.special import betaincinv

    return betaincinv(alpha, alpha, (np.arange(_QUANTILES) + 0.5) / _QUANTILES).astype(np.float32)


def draw_pairs(uniform: Any, quantiles: np.ndarray) -> tuple[Any, Any]:
    """Partners, a permutation of the batch, and weights.

    Args:
        uniform: (2, batch), float32, in [0, 1).
        quantiles: of the weights' distribution, as `beta_quantiles` gives them.

    Returns:
        Index of each example's partner, (batch,) integer, and weights, (batch,) float32 in [0, 1].
    """
    weights = ops.take(ops.convert_to_tensor(quantiles), integers_below(uniform[1], len(quantiles)))
    return ops.argsort(uniform[0]), weights
