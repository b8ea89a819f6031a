"""Learning rates that fall from the head to the input: Adam with a rate for every variable."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.errors import AudiotagError
from audiotag.models.parts import Parts
from audiotag.training.recipe import check_layer_decay


def layer_rates(network: keras.Model, decay: float) -> dict[str, float]:
    """What the learning rate of every variable is multiplied by: 1 in the head, `decay` times less a part below.

    Args:
        network: a functional model; its parts are the stages of `audiotag.models.parts.Parts`.
        decay: factor from a part to the one below it, above 0 and at most 1.

    Returns:
        path of the variable -> factor, frozen variables included.

    Raises:
        AudiotagError: a decay outside its range.
    """
    check_layer_decay(decay)
    with_weights = [layers for layers in Parts(network).stages.values() if any(layer.weights for layer in layers)]
    return {
        weight.path: decay**depth
        for depth, layers in enumerate(reversed(with_weights))
        for layer in layers
        for weight in layer.weights
    }


@keras.saving.register_keras_serializable(package="audiotag")
class LayerwiseAdam(keras.optimizers.Adam):
    """Adam or AdamW, every variable with a learning rate of its own.

        optimizer = LayerwiseAdam(1e-3, rates=layer_rates(network, 0.7))

    Adam's steps do not depend on the size of the gradient, so what is scaled is the step. The factors multiply the
    learning rate of the moment: any schedule goes on top.

    Args:
        learning_rate: of a variable with the factor 1.
        rates: path of each trained variable -> factor, as `layer_rates` gives them.
        decoupled_decay: weight decay of AdamW, 0 or more; a variable shrinks in proportion to its own rate.
        name: of the optimizer.
        settings: further arguments of `keras.optimizers.Adam`, but no `weight_decay`, which knows one rate only.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        rates: dict[str, float] | None = None,
        decoupled_decay: float = 0.0,
        name: str = "layerwise_adam",
        **settings: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **settings)
        self.rates, self.decoupled_decay = dict(rates or {}), decoupled_decay
        self._factors: tuple[float, ...] = ()

    def build(self, var_list: list[keras.Variable]) -> None:
        """Make the moments, and look up every variable's factor."""
        if self.built:
            return
        for variable in var_list:
            if variable.path not in self.rates:
                raise AudiotagError(f"rates hold a factor for every trained variable, none for {variable.path}: add it")
        self._factors = tuple(self.rates[variable.path] for variable in var_list)
        super().build(var_list)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable by its own rate."""
        factor = self._factors[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype) * factor
        if self.decoupled_decay:
            self.assign_sub(variable, variable * (rate * self.decoupled_decay))
        super().update_step(gradient, variable, rate)

    def get_config(self) -> dict[str, Any]:
        """Settings that make the same optimizer again."""
        config = super().get_config()
        del config["weight_decay"]
        return {**config, "rates": dict(self.rates), "decoupled_decay": self.decoupled_decay}
