"""The temperature of DyMN's dynamic convolutions, epoch by epoch."""

from __future__ import annotations

from typing import Any

import keras

from audiotag.errors import AudiotagError
from audiotag.models.dynamic import DynamicConvolution

START = 30.0
"""Temperature of the first epoch of training from nothing."""


class Temperature(keras.callbacks.Callback):
    """Cools the attention over kernels while training, so that all kernels learn before they specialise.

    In epoch e the temperature is `max(start - fall * e, 1 + slow_fall * ((start - 1) / fall - e), 1)`: from 30 down to
    2 by one an epoch, then slowly to 1 (arXiv 2310.15648). It follows from the epoch alone, so that a resumed run goes
    on as it would have. It reaches compiled steps without compiling anew, and is saved with the network.

        network = audiotag.models.build("dymn10", classes=10, weights="dymn10_im")
        network.fit(train, epochs=40, callbacks=[audiotag.training.Temperature()])

    Training from random or ImageNet weights begins at 30. AudioSet weights stand at 1: fine-tuning them needs no
    callback.

    Args:
        start: temperature of epoch 0, at least 1. Default 30.
        fall: how far it falls an epoch at first, positive. Default 1.
        slow_fall: how far it falls an epoch at last, at least 0. Default 0.02.
        network: whose convolutions are cooled. Default: all of the model that is trained.

    Raises:
        AudiotagError: a value outside its range; when training begins, a network without dynamic convolutions.
    """

    def __init__(
        self, start: float = START, fall: float = 1.0, slow_fall: float = 0.02, network: keras.Model | None = None
    ) -> None:
        super().__init__()
        self._network = network
        if not (start >= 1 and fall > 0 and slow_fall >= 0):
            raise AudiotagError(
                "the temperature starts at 1 or more, falls by more than 0 an epoch and then by 0 or more, received "
                f"start {start}, fall {fall}, slow_fall {slow_fall}"
            )
        self.start, self.fall, self.slow_fall = start, fall, slow_fall

    def __call__(self, epoch: int) -> float:
        """Temperature of an epoch, counted from 0."""
        slowly = 1 + self.slow_fall * ((self.start - 1) / self.fall - epoch)
        return max(self.start - self.fall * epoch, slowly, 1.0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuse a network that has no temperature."""
        if not is_dynamic(self.model if self._network is None else self._network):
            raise AudiotagError(
                f"a temperature is that of dynamic convolutions, and {self.model.name} has none: "
                "leave Temperature out, or train a dymn"
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the epoch's temperature in every dynamic convolution."""
        for layer in _dynamic(self.model if self._network is None else self._network):
            layer.temperature.assign(self(epoch))


def is_dynamic(model: keras.Model) -> bool:
    """Whether a model holds dynamic convolutions, as every DyMN does."""
    return bool(_dynamic(model))


def _dynamic(model: keras.Model) -> list[DynamicConvolution]:
    """The dynamic convolutions of a model and of the models inside it."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, DynamicConvolution)]
