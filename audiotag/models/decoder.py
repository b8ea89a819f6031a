"""A language model of tokens: a transformer whose steps see themselves and earlier ones alone (decoder-only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from audiotag.errors import AudiotagError
from audiotag.models.blocks import Architecture, dense
from audiotag.models.layers import DEVIATION, SelfAttention
from audiotag.models.sequence_models import RotaryPositions

HIDDEN_SCALE = 4  # channels of a feed-forward layer over those of a step
EPSILON = 1e-6


@dataclass(frozen=True)
class Decoder(Architecture):
    """Blocks of causal attention with rotary positions and feed-forward layers, each normalised before (RMS).

    Of 256 tokens and the defaults there are 0.85 million parameters.

    Args:
        width: channels of a step. Default 128.
        depth: number of blocks. Default 4.
        heads: attention heads; twice their number divides the width. Default 4.
        dropout: rate after attention and feed-forward layers, 0 to 1. Default 0.1.

    Raises:
        AudiotagError: a value outside its range.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        self._check_counts("decoder", "width", "depth", "heads")
        share = 2 * self.heads  # rotary positions turn pairs of channels of a head
        if self.width % share:
            raise AudiotagError(
                f"the width of a decoder of {self.heads} heads is a multiple of {share}, received {self.width}: choose "
                f"{max(self.width // share, 1) * share}"
            )
        if not 0 <= self.dropout < 1:
            raise AudiotagError(f"dropout of a decoder is a rate in 0 to 1, received {self.dropout}")

    def network(self, name: str, classes: int, mels: int, frames: int | None) -> keras.Model:
        """The model: tokens (batch, steps) int32 -> logits of the next token (batch, steps, classes), float32.

        Args:
            name: name of the model.
            classes: number of tokens; one more, `classes`, is the beginning of a sequence.
            mels: not needed: tokens are no log-mel.
            frames: not needed: it takes any number of steps.
        """
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        return keras.Model(tokens, self._logits(tokens, classes, frames), name=name)

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        initializer = keras.initializers.RandomNormal(stddev=DEVIATION)
        x = layers.Embedding(classes + 1, self.width, embeddings_initializer=initializer, name="embedding")(spectrogram)
        for number in range(1, self.depth + 1):
            name = f"block{number}"
            hidden = layers.RMSNormalization(epsilon=EPSILON, name=f"{name}_attention_normalization")(x)
            projected = dense(hidden, 3 * self.width, f"{name}_projection", deviation=DEVIATION)
            projected = RotaryPositions(self.heads, name=f"{name}_positions")(projected)
            attended = CausalAttention(self.heads, name=f"{name}_attention")(projected)
            attended = dense(attended, self.width, f"{name}_attention_output", deviation=DEVIATION)
            x = layers.Add(name=f"{name}_attention_add")([x, self._dropped(attended, f"{name}_attention")])
            hidden = layers.RMSNormalization(epsilon=EPSILON, name=f"{name}_mlp_normalization")(x)
            hidden = dense(hidden, HIDDEN_SCALE * self.width, f"{name}_hidden", "gelu", deviation=DEVIATION)
            hidden = dense(hidden, self.width, f"{name}_mlp_output", deviation=DEVIATION)
            x = layers.Add(name=f"{name}_mlp_add")([x, self._dropped(hidden, f"{name}_mlp")])
        x = layers.RMSNormalization(epsilon=EPSILON, name="normalization")(x)
        return dense(x, classes, "logits", deviation=DEVIATION, dtype="float32")

    def _dropped(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        return layers.Dropout(self.dropout, name=f"{name}_dropout")(x)


@keras.saving.register_keras_serializable(package="audiotag")
class CausalAttention(SelfAttention):
    """`SelfAttention` of a step to itself and earlier ones alone."""

    def call(self, projected: Any) -> Any:
        """(batch, steps, 3 width), [queries | keys | values] of heads x head width each -> (batch, steps, width)."""
        return attend(*self.split(projected), 0)

    def split(self, projected: Any) -> tuple[Any, Any, Any]:
        """Queries, keys and values, (batch, steps, heads, head width) each."""
        batch, steps, tripled = ops.shape(projected)
        parts = ops.reshape(projected, (batch, steps, 3, self.heads, tripled // 3 // self.heads))
        return parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]


def attend(query: Any, key: Any, value: Any, first: int) -> Any:
    """What queries make of keys and values, none of a later place than their own.

    Args:
        query: (batch, steps, heads, head width), of the places from `first` on.
        key: (batch, places, heads, head width), and so the values, of the places from 0 on.
        value: see key.
        first: place of the first query.

    Returns:
        (batch, steps, heads x head width).
    """
    batch, steps, heads, size = ops.shape(query)
    scores = ops.cast(ops.einsum("bqhc,bkhc->bhqk", query * size**-0.5, key), "float32")
    seen = ops.arange(ops.shape(key)[1])[None, :] <= ops.arange(steps)[:, None] + first
    scores = ops.where(seen, scores, -1e9)
    # Not Keras' softmax, which warns of a sequence of one step.
    shares = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    weights = shares / ops.sum(shares, axis=-1, keepdims=True)
    mixed = ops.einsum("bhqk,bkhc->bqhc", ops.cast(weights, value.dtype), value)
    return ops.reshape(mixed, (batch, steps, heads * size))


class CachedDecoder:
    """A decoder that is given its sequences piece by piece and keeps the keys and values of what it was given.

    Args:
        network: of `Decoder`, as `models.build` makes it, or its file opened again.
        places: steps of the longest sequence.
        batch: sequences at a time. Default 1.

    Raises:
        AudiotagError: another network.
    """

    def __init__(self, network: keras.Model, places: int, batch: int = 1) -> None:
        self._layers = {layer.name: layer for layer in network.layers}
        attentions = [layer for layer in network.layers if isinstance(layer, CausalAttention)]
        if not attentions:
            raise AudiotagError(f"what predicts tokens is a decoder, received {network.name}: train model='decoder'")
        self.places, self.place, self._depth = places, 0, len(attentions)
        width = self._layers["embedding"].output_dim
        shape = (batch, places, attentions[0].heads, width // attentions[0].heads)
        self._kept = [[ops.zeros(shape, attentions[0].compute_dtype) for _ in range(2)] for _ in attentions]

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        """Logits (batch, steps, classes) float32 after each of the next tokens (batch, steps).

        Raises:
            AudiotagError: the sequences would be longer than `places`.
        """
        steps = tokens.shape[1]
        if self.place + steps > self.places:
            raise AudiotagError(f"a sequence has at most {self.places} steps, received {self.place + steps}")
        x = self._layers["embedding"](ops.convert_to_tensor(tokens, "int32"))
        for number in range(self._depth):
            x = self._block(x, f"block{number + 1}", self._kept[number])
        self.place += steps
        return ops.convert_to_numpy(self._layers["logits"](self._layers["normalization"](x)))

    def _block(self, x: Any, name: str, kept: list[Any]) -> Any:
        def through(part: str, x: Any, **options: Any) -> Any:
            return self._layers[f"{name}_{part}"](x, **options)

        projected = through("projection", through("attention_normalization", x))
        query, *new = self._layers[f"{name}_attention"].split(through("positions", projected, first=self.place))
        kept[:] = [ops.slice_update(old, (0, self.place, 0, 0), part) for old, part in zip(kept, new, strict=True)]
        x = x + through("attention_output", attend(query, *kept, self.place))
        return x + through("mlp_output", through("hidden", through("mlp_normalization", x)))
