"""First weights for networks on JAX, drawn by NumPy.

JAX compiles every draw anew for every shape: ten seconds for one MN whose weights are then read from a file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np


def draw_with_numpy() -> None:
    """Lets Keras's initializers, and nothing else, draw without JAX."""
    import jax
    from keras import initializers

    draws = {"normal": _normal, "truncated_normal": _truncated_normal, "uniform": _uniform}

    def without_jax(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with mock.patch.multiple(jax.random, **draws):
                return original(*arguments, **options)

        return call

    for kind in (initializers.RandomNormal, initializers.TruncatedNormal, initializers.RandomUniform):
        kind.__call__ = without_jax(kind.__call__)
    for kind in (initializers.VarianceScaling, initializers.Orthogonal):
        kind.__call__ = without_jax(kind.__call__)


def _normal(key: Any, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.random.default_rng(np.asarray(key)).normal(size=shape).astype(dtype)


def _truncated_normal(key: Any, shape: tuple[int, ...], lower: float, upper: float, dtype: str) -> np.ndarray:
    return np.clip(_normal(key, shape, dtype), lower, upper)


def _uniform(key: Any, shape: tuple[int, ...], minval: float, maxval: float, dtype: str) -> np.ndarray:
    return np.random.default_rng(np.asarray(key)).uniform(minval, maxval, shape).astype(dtype)
