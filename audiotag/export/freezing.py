"""A function of TensorFlow with its weights as constants, as converters take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf


def frozen(function: Callable[..., dict[str, Any]], specs: Sequence[tf.TensorSpec]) -> Any:
    """The function once its variables are constants: converters are ten times slower with variables.

    Args:
        function: tensors to outputs by name.
        specs: shape, type and name of each input.

    Returns:
        A `tf.function` of those inputs, with one signature.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    names: list[str] = []

    def flat(*inputs: tf.Tensor) -> list[tf.Tensor]:
        outputs = function(*inputs)
        names[:] = outputs
        return list(outputs.values())

    traced = tf.function(flat, autograph=False).get_concrete_function(*specs)
    constant = convert_variables_to_constants_v2(traced)

    def named(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(names, constant(*inputs), strict=True))

    return tf.function(named, input_signature=list(specs), autograph=False)
