"""The optimizer that a recipe asks for: Keras' own, with clipping, accumulation and the scaling of losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from audiotag.training.devices import summed
from audiotag.training.layerwise import LayerwiseAdam, layer_rates
from audiotag.training.recipe import Recipe


class NormOfGradients:
    """Of an optimizer: sums up the norm of all gradients together, of every batch, as they come."""

    def build(self, var_list: Sequence[keras.Variable]) -> None:
        """Make the optimizer's variables, and the sum."""
        built = self.built
        super().build(var_list)  # type: ignore[misc]
        if not built:
            # Sum of the norms, and their number.
            self.norms = self.add_variable((2,), "zeros", "float32", name="gradient_norms")  # type: ignore[attr-defined]

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Sum the norm up, then move the variables."""
        grads = summed(grads)  # here, so that the norm and the clipping are those of the whole batch
        squares = [ops.sum(ops.square(ops.cast(gradient, "float32"))) for gradient in grads if gradient is not None]
        norm = ops.sqrt(sum(squares))
        self.norms.assign(self.norms + ops.stack([norm, ops.ones_like(norm)]))
        super().apply(grads, trainable_variables)  # type: ignore[misc]

    def _all_reduce_sum_gradients(self, grads_and_vars: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Of Keras' optimizers on TensorFlow, which would sum them over the devices again."""
        return grads_and_vars


class WatchedAdam(NormOfGradients, keras.optimizers.Adam):
    """Adam that sums up the norm of its gradients."""


class WatchedAdamW(NormOfGradients, keras.optimizers.AdamW):
    """AdamW that sums up the norm of its gradients."""


class WatchedLayerwiseAdam(NormOfGradients, LayerwiseAdam):
    """Adam with a rate for every variable that sums up the norm of its gradients."""


def mean_gradient_norm(optimizer: keras.optimizers.Optimizer) -> float:
    """Mean norm of the gradients since the last question, of an optimizer that `optimizer` made."""
    norms = getattr(optimizer, "inner_optimizer", optimizer).norms
    total, number = ops.convert_to_numpy(norms)
    norms.assign(np.zeros(2, np.float32))
    return float(total / max(number, 1.0))


def optimizer(recipe: Recipe, network: keras.Model) -> keras.optimizers.Optimizer:
    """Adam or AdamW as a resolved recipe says.

    Args:
        recipe: `clip` bounds the norm of all gradients together, `accumulate` sums the gradients of so many batches
            before each step, float16 scales the loss so that small gradients are not lost (arXiv 1710.03740).
        network: whose parts have learning rates of their own, where the recipe lets them decay.
    """
    settings: dict[str, Any] = {"global_clipnorm": recipe.clip}
    if recipe.accumulate > 1:
        settings["gradient_accumulation_steps"] = recipe.accumulate
    if recipe.layer_decay < 1:
        rates = layer_rates(network, recipe.layer_decay)
        inner = WatchedLayerwiseAdam(recipe.learning_rate, rates, recipe.weight_decay, **settings)
    elif recipe.optimizer == "adamw":
        inner = WatchedAdamW(recipe.learning_rate, weight_decay=recipe.weight_decay, **settings)
    else:
        inner = WatchedAdam(recipe.learning_rate, **settings)
    return keras.optimizers.LossScaleOptimizer(inner) if recipe.precision == "float16" else inner
