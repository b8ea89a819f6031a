"""Sequence models of EfficientSED (arXiv 2503.11373): layers in which every step of time sees the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from audiotag.errors import AudiotagError
from audiotag.models.blocks import check_choice, dense
from audiotag.models.layers import DEVIATION, SelfAttention, SettingsLayer, Shape

LAYERS = 2
HEADS = 8
FEW_HEADS, NARROW = 4, 128  # a transformer narrower than this has fewer heads
HIDDEN_SCALE = 4  # channels of a feed-forward layer over those of a step
DROPOUT = 0.2  # of tf and tcn; the others have none
DILATIONS = (1, 2, 4, 8, 16)
KERNEL = 3
TINY = 1e-12  # keeps silence from a division by 0; no published number depends on it
ROTARY_BASE = 10_000.0
DOUBLINGS = 20  # where the length is open: enough for 2^20 steps, half a day of 40 ms each


def check(kind: str, units: int) -> None:
    """Refuse a sequence model that cannot be.

    Args:
        kind: one of `SEQUENCE_MODELS`.
        units: channels of a step; of a "gru", units of a direction.

    Raises:
        AudiotagError: another kind, or units that the heads of its attention cannot share.
    """
    check_choice("sequence model", kind, SEQUENCE_MODELS)
    # Rotary positions turn pairs of channels of a head.
    share = {"tf": 2 * heads_of(kind, units), "att": 2 * HEADS, "hybrid": HEADS}.get(kind, 1)
    if units < 1 or units % share:
        raise AudiotagError(
            f"the units of a sequence model {kind} are a positive multiple of {share}, received {units}: "
            f"choose {max(units // share, 1) * share}"
        )


def heads_of(kind: str, units: int) -> int:
    """Number of attention heads, as published."""
    return FEW_HEADS if kind == "tf" and units < NARROW else HEADS


def sequence_model(steps: keras.KerasTensor, kind: str, units: int) -> keras.KerasTensor:
    """A sequence model over steps of time.

    Args:
        steps: (batch, steps, channels).
        kind: one of `SEQUENCE_MODELS`.
        units: channels of a step; of a "gru", units of a direction.

    Returns:
        (batch, steps, units); of a "gru" (batch, steps, 2 units).
    """
    if kind != "gru" and steps.shape[-1] != units:
        steps = dense(steps, units, "tokens", deviation=DEVIATION)
    return SEQUENCE_MODELS[kind](steps, units)


def _gru(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    for number in range(1, LAYERS + 1):
        x = layers.Bidirectional(layers.GRU(units, return_sequences=True), name=f"gru{number}")(x)
    return x


def _transformer(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    for number in range(1, LAYERS + 1):
        name = f"encoder{number}"
        attended = _attention(x, heads_of("tf", units), f"{name}_attention", DROPOUT)
        x = layers.Add(name=f"{name}_attention_add")([x, attended])
        x = layers.Add(name=f"{name}_mlp_add")([x, _feed_forward(x, f"{name}_mlp", DROPOUT)])
    return _rms(x, "sequence_normalization")


def _attentions(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    for number in range(1, LAYERS + 1):
        name = f"attention{number}"
        x = layers.Add(name=f"{name}_add")([x, _attention(x, HEADS, name)])
    return x


def _tcn(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    """Residual blocks of causal dilated convolutions (arXiv 1803.01271).

    The published convolutions are weight-normalised: a way to train, which their converted kernels no longer need.
    """
    for number in range(1, LAYERS + 1):
        entry, name = x, f"tcn{number}"
        for block, dilation in enumerate(DILATIONS, 1):
            y = x
            for part in (1, 2):
                convolution = layers.Conv1D(
                    units, KERNEL, padding="causal", dilation_rate=dilation, name=f"{name}_{block}_convolution{part}"
                )
                y = layers.Activation("relu", name=f"{name}_{block}_activation{part}")(convolution(y))
                y = layers.Dropout(DROPOUT, name=f"{name}_{block}_dropout{part}")(y)
            x = layers.Activation("relu", name=f"{name}_{block}_activation")(
                layers.Add(name=f"{name}_{block}_add")([x, y])
            )
        x = layers.Add(name=f"{name}_add")([x, entry])
    return x


def _hybrid(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    """Minimal GRUs both ways beside attention without positions, the mean of both, then feed-forward."""
    for number in range(1, LAYERS + 1):
        name = f"hybrid{number}"
        hidden = _rms(x, f"{name}_normalization")
        directions = []
        for direction in ("forward", "backward"):
            gated = _projection(hidden, 2 * units, f"{name}_{direction}_projection")
            directions.append(MinGRU(direction == "backward", name=f"{name}_{direction}")(gated))
        recurrent = layers.Concatenate(name=f"{name}_directions")(directions)
        recurrent = _projection(recurrent, units, f"{name}_recurrent_output")
        attended = SelfAttention(HEADS, name=f"{name}_attention")(
            _projection(hidden, 3 * units, f"{name}_attention_projection")
        )
        both = [
            _rms(_by_head(part, f"{name}_{kind}"), f"{name}_{kind}_normalization")
            for part, kind in ((recurrent, "recurrent"), (attended, "attention"))
        ]
        mixed = layers.Reshape((-1, units), name=f"{name}_mixed")(layers.Average(name=f"{name}_mean")(both))
        x = layers.Add(name=f"{name}_add")([x, _projection(mixed, units, f"{name}_output")])
        x = layers.Add(name=f"{name}_mlp_add")([x, _feed_forward(x, f"{name}_mlp")])
    return _rms(x, "sequence_normalization")


SEQUENCE_MODELS: dict[str, Callable[[keras.KerasTensor, int], keras.KerasTensor]] = {
    "gru": _gru,
    "tf": _transformer,
    "att": _attentions,
    "tcn": _tcn,
    "hybrid": _hybrid,
}
"""By name: bidirectional GRUs, a transformer, attention alone, dilated convolutions, minimal GRUs with attention."""


def _rms(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.RMSNormalization(epsilon=TINY, name=name)(x)


def _projection(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    initializer = keras.initializers.RandomNormal(stddev=DEVIATION)
    return layers.Dense(units, use_bias=False, kernel_initializer=initializer, name=name)(x)


def _by_head(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.Reshape((-1, HEADS, x.shape[-1] // HEADS), name=f"{name}_heads")(x)


def _attention(x: keras.KerasTensor, heads: int, name: str, dropout: float = 0.0) -> keras.KerasTensor:
    """Attention with rotary positions, each head of which a step can gate."""
    units = x.shape[-1]
    hidden = _rms(x, f"{name}_normalization")
    projected = RotaryPositions(heads, name=f"{name}_positions")(_projection(hidden, 3 * units, f"{name}_projection"))
    attended = SelfAttention(heads, name=f"{name}_mixture")(projected)
    attended = layers.Reshape((-1, heads, units // heads), name=f"{name}_heads")(attended)
    gates = dense(hidden, heads, f"{name}_gates", "sigmoid", deviation=DEVIATION)
    gates = layers.Reshape((-1, heads, 1), name=f"{name}_gates_of_heads")(gates)
    gated = layers.Multiply(name=f"{name}_gated")([attended, gates])
    output = _projection(layers.Reshape((-1, units), name=f"{name}_joined")(gated), units, f"{name}_output")
    return layers.Dropout(dropout, name=f"{name}_dropout")(output) if dropout else output


def _feed_forward(x: keras.KerasTensor, name: str, dropout: float = 0.0) -> keras.KerasTensor:
    units = x.shape[-1]
    x = _rms(x, f"{name}_normalization")
    x = dense(x, HIDDEN_SCALE * units, f"{name}_hidden", "gelu", deviation=DEVIATION)
    x = layers.Dropout(dropout, name=f"{name}_hidden_dropout")(x) if dropout else x
    x = dense(x, units, f"{name}_output", deviation=DEVIATION)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


@keras.saving.register_keras_serializable(package="audiotag")
class RotaryPositions(SettingsLayer):
    """Turns every pair of channels of queries and keys by an angle that grows with the step (arXiv 2104.09864).

    By how much from one step to the next, radians, is a weight that is not trained: published files hold it.

    Args:
        heads: number of heads; it divides the width into an even number of channels a head.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, input_shape: Shape) -> None:
        """Make the weights for an input shape."""
        size = input_shape[-1] // 3 // self.heads
        usual = [ROTARY_BASE ** (-channel / size) for channel in range(0, size, 2)]

        def initializer(shape: Shape, dtype: Any) -> Any:
            return ops.convert_to_tensor(usual, dtype)

        # Half precision tells the angles of late steps no more apart.
        self.frequencies = self.add_weight(
            shape=(size // 2,),
            initializer=initializer,
            dtype="float32",
            autocast=False,
            trainable=False,
            name="frequencies",
        )

    def call(self, projected: Any, first: int = 0) -> Any:
        """(batch, steps, 3 width), [queries | keys | values] of heads x head width each -> the same shape.

        Args:
            projected: the steps.
            first: place of the first of them in its sequence.
        """
        batch, steps, tripled = ops.shape(projected)
        size = tripled // 3 // self.heads
        angles = (ops.cast(ops.arange(steps), "float32") + first)[:, None, None] * self.frequencies
        cosine, sine = (ops.cast(turn(angles), projected.dtype) for turn in (ops.cos, ops.sin))
        turned, values = projected[..., : 2 * tripled // 3], projected[..., 2 * tripled // 3 :]
        pairs = ops.reshape(turned, (batch, steps, 2 * self.heads, size // 2, 2))
        first, second = pairs[..., 0], pairs[..., 1]
        pairs = ops.stack([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
        return ops.concatenate([ops.reshape(pairs, (batch, steps, 2 * tripled // 3)), values], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable(package="audiotag")
class MinGRU(SettingsLayer):
    """The minimal GRU of arXiv 2410.01201: gate and candidate of a step depend on that step alone.

    Its state h_t = (1 - z_t) h_(t-1) + z_t g(c_t), with z the sigmoid of the gate, g(c) = c + 0.5 from c = 0 on and its
    sigmoid below, is a chain of linear maps. Those of 1, 2, 4 … steps are composed, so that there is no loop over
    steps. All factors lie in 0 to 1, for which no logarithms are needed.

    Args:
        backward: from the last step to the first. Default False.
    """

    def __init__(self, backward: bool = False, **kwargs: Any) -> None:
        # A state is a long sum: it is kept in float32 whatever the policy.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.backward = backward

    def call(self, projected: Any) -> Any:
        """(batch, steps, 2 units), [candidates | gates] -> (batch, steps, units)."""
        batch, steps, doubled = ops.shape(projected)
        units = doubled // 2
        candidate, gate = projected[..., :units], projected[..., units:]
        kept = ops.sigmoid(-gate)
        added = ops.sigmoid(gate) * ops.where(candidate >= 0, candidate + 0.5, ops.sigmoid(candidate))
        open_length = not isinstance(steps, int)
        for doubling in range(DOUBLINGS if open_length else (steps - 1).bit_length()):
            shift = ops.minimum(2**doubling, steps) if open_length else 2**doubling
            before = ops.zeros((batch, shift, units), added.dtype)
            # Before the first step nothing is kept and nothing added.
            earlier_kept, earlier = (self._shifted(part, before, shift, steps) for part in (kept, added))
            kept, added = kept * earlier_kept, added + kept * earlier
        return added

    def _shifted(self, x: Any, empty: Any, shift: Any, steps: Any) -> Any:
        """What lies `shift` steps earlier in the direction."""
        if self.backward:
            return ops.concatenate([x[:, shift:], empty], axis=1)
        return ops.concatenate([empty, x[:, : steps - shift]], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        return (*input_shape[:-1], input_shape[-1] // 2)
