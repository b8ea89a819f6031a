"""The loss of texts: connectionist temporal classification, with the true lengths of recordings and texts."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_NEVER = -1e9  # in place of the logarithm of 0, of which there is no gradient


@keras.saving.register_keras_serializable(package="audiotag")
class CharacterLoss(keras.losses.Loss):
    """Minus the logarithm of the probability of a text, the sum over all ways to tell it (Graves et al., ICML 2006).

    It is divided by the number of steps of the recording. Keras' own loss takes the padded lengths for the true ones;
    here what lies beyond the end of a recording counts for nothing.

    Args:
        kwargs: `name`, `reduction` and `dtype`, as every loss has them.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "characters"} | kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Texts (batch, steps, 1), as of `step_characters.draw`, and logits (batch, steps, 1 + classes) to (batch,)."""
        target = ops.cast(y_true[..., 0], "int32")
        steps = ops.sum(ops.cast(target >= 0, "int32"), axis=-1)
        return -log_probability(ops.maximum(target, 0), ops.log_softmax(y_pred), steps) / ops.cast(steps, y_pred.dtype)


def log_probability(target: Any, logarithms: Any, steps: Any) -> Any:
    """Logarithm of the probability of a text, by the forward algorithm over its ways to be told.

    TensorFlow's own loss costs as much as a small network: it goes through all pairs of states.

    Args:
        target: (batch, characters) int32, columns of `logarithms`; 0 after the end of the text.
        logarithms: (batch, steps, 1 + classes), of probabilities, the blank first.
        steps: (batch,) int32, true lengths of the recordings, at most those of `logarithms`.

    Returns:
        (batch,), about -1e9 where a text cannot be told in so few steps.
    """
    batch, longest = ops.shape(target)[0], target.shape[1]
    dtype = logarithms.dtype
    # The states: before each character, and after the last, a blank; and the characters.
    places = ops.broadcast_to(target[:, None], (batch, logarithms.shape[1], longest))
    told = ops.take_along_axis(logarithms, places, axis=-1)
    never = ops.full((batch, 1), _NEVER, dtype)
    differs = ops.concatenate([ops.zeros((batch, 1), "bool"), target[:, 1:] != target[:, :-1]], axis=1)
    begun = ops.concatenate([ops.zeros((batch, 1), dtype), ops.full((batch, longest), _NEVER, dtype)], axis=1)

    def step(states: Any, inputs: Any) -> tuple[Any, Any]:
        blanks, characters = states
        blank, character, lasts = inputs
        before = ops.concatenate([never, characters], axis=1)  # of each blank, the character before it
        entered = ops.logaddexp(blanks[:, :-1], ops.where(differs, before[:, :-1], _NEVER))
        after = blank[:, None] + ops.logaddexp(blanks, before), character + ops.logaddexp(characters, entered)
        return tuple(ops.where(lasts[:, None], new, old) for new, old in zip(after, states, strict=True)), None

    lasts = ops.arange(logarithms.shape[1])[:, None] < steps
    inputs = ops.transpose(logarithms[..., 0]), ops.transpose(told, (1, 0, 2)), lasts
    (blanks, characters), _ = ops.scan(step, (begun, begun[:, 1:]), inputs)
    length = ops.sum(ops.cast(target > 0, "int32"), axis=1)
    # A text ends with its last character, or with the blank after it.
    ends = ops.take_along_axis(blanks, length[:, None], axis=1)[:, 0]
    last = ops.take_along_axis(ops.concatenate([never, characters], axis=1), length[:, None], axis=1)[:, 0]
    return ops.logaddexp(ends, last)
