"""The validation of a language model: bits a token after every epoch."""

from __future__ import annotations

import math
from typing import Any

import keras

from audiotag.tokens.data import TokenData
from audiotag.tokens.language_model import bits_of


class TokenBits(keras.callbacks.Callback):
    """Adds `val_loss` (nats a token, as the training's loss) and `val_bits_per_token` to the logs of an epoch.

    Args:
        network: tokens to logits.
        data: open tokens.
        split: expression of splits.
        batch_size: clips at a time.
    """

    def __init__(self, network: keras.Model, data: TokenData, split: str, batch_size: int) -> None:
        super().__init__()
        self.network, self.batch_size = network, batch_size
        self.tokens = data.rows(split)[1]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure all clips of the split."""
        bits = float(bits_of(self.network, self.tokens, self.batch_size).mean())
        if logs is not None:
            logs |= {"val_loss": bits * math.log(2), "val_bits_per_token": bits}
