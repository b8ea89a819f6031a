"""Every example of a batch with another one, and a weight from a Beta distribution."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from keras import ops

from audiotag.augment.batches.augmentation import integers_below

_QUANTILES = 4096


@cache
def _beta_quantiles(alpha: float) -> np.ndarray:
    """Values of Beta(alpha, alpha), equally likely, float32."""
    from scipy.special import betaincinv

    return betaincinv(alpha, alpha, (np.arange(_QUANTILES) + 0.5) / _QUANTILES).astype(np.float32)


def draw_pairs(uniform: Any, alpha: float) -> tuple[Any, Any]:
    """Partners, a permutation of the batch, and weights.

    The weight is one of 4096 equally likely values of Beta(alpha, alpha). Drawn from Gamma distributions, as is usual,
    it underflows where alpha is small, and XLA does not compile it on TensorFlow.

    Args:
        uniform: (2, batch), float32, in [0, 1).
        alpha: positive.

    Returns:
        Index of each example's partner, (batch,) integer, and weights, (batch,) float32 in [0, 1].
    """
    quantiles = ops.convert_to_tensor(_beta_quantiles(alpha))
    return ops.argsort(uniform[0]), ops.take(quantiles, integers_below(uniform[1], _QUANTILES))
