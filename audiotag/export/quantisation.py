"""Eight bits for the network alone: the front end before it and the activation behind it stay float32.

A spectrum spans more than eight bits hold, and scores near 0, which rank most clips of a class, would become one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.export.litert_chain import chained

if TYPE_CHECKING:
    import tensorflow as tf

Function = Callable[["tf.Tensor"], "tf.Tensor"]

LEAST_CLIPS = 8
"""Fewer clips than this do not show what range the values of a network have."""


def litert(front_end: Function, network: Function, activation: Function, clips: np.ndarray) -> bytes:
    """A LiteRT file whose network computes in 8 bits: weights per channel, activations in ranges of real clips.

    Args:
        front_end: the file's input -> the network's input; what it computes stays float32.
        network: the network's input -> logits; of MN and DyMN the folded one (`hard_swish.folded`), or it is slow.
        activation: logits -> what the file gives; stays float32.
        clips: (clips, …) float32, each an input of the file without its batch axis: at least `LEAST_CLIPS`, which the
            ranges are taken from.

    Returns:
        The file's content, for batches of one.

    Raises:
        AudiotagError: clips too few, or silent.
    """
    import tensorflow as tf

    _check(clips)
    entry = tf.TensorSpec((1, *clips.shape[1:]), name="input")
    inputs = tf.function(front_end, input_signature=[entry], autograph=False).get_concrete_function()
    middle = tf.TensorSpec(inputs.structured_outputs.shape)
    logits = tf.function(network, input_signature=[middle], autograph=False).get_concrete_function()
    end = tf.TensorSpec(logits.structured_outputs.shape)
    scores = tf.function(activation, input_signature=[end], autograph=False).get_concrete_function()

    quantised = _converter(logits)
    quantised.optimizations = [tf.lite.Optimize.DEFAULT]
    quantised.representative_dataset = lambda: ([inputs(tf.constant(clip[None]))] for clip in clips)
    return chained([_converter(inputs).convert(), quantised.convert(), _converter(scores).convert()])


def onnx(model: Path, scope: str, clips: np.ndarray, path: Path) -> None:
    """An ONNX file whose network computes in 8 bits: unsigned activations, signed weights per channel.

    ONNX Runtime leaves half of the convolutions in float32 where the activations are signed too.

    Args:
        model: the same file in float32; its network has a folded hard-swish (`hard_swish.folded`).
        scope: how the names of the network's nodes begin, which is the `tf.name_scope` that it was traced in; all other
            nodes stay float32.
        clips: (clips, …) float32, each an input of the file without its batch axis: at least `LEAST_CLIPS`, which the
            ranges are taken from.
        path: where the file is written.

    Raises:
        AudiotagError: clips too few, or silent; no node is named so.
    """
    import onnx as files
    from onnxruntime import quantization

    _check(clips)
    graph = files.load(model).graph
    nodes = [node.name for node in graph.node if node.name.startswith(scope)]
    if not nodes:
        raise AudiotagError(f"no node of {model} is named {scope}…: trace the network in a name scope of that name")
    quantization.quantize_static(
        model,
        path,
        _Reader(graph.input[0].name, clips),
        per_channel=True,
        nodes_to_quantize=nodes,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


class _Reader:
    """Clips one by one, as ONNX Runtime asks for them."""

    def __init__(self, name: str, clips: np.ndarray) -> None:
        self._inputs: Iterator[dict[str, np.ndarray]] = ({name: clip[None]} for clip in clips)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next clip; None after the last."""
        return next(self._inputs, None)


def _converter(function: Any) -> tf.lite.TFLiteConverter:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_concrete_functions([function])


def _check(clips: np.ndarray) -> None:
    if len(clips) < LEAST_CLIPS:
        raise AudiotagError(
            f"8 bits need at least {LEAST_CLIPS} clips to take the ranges of values from, received {len(clips)}: "
            "give more clips, or choose float16"
        )
    silent = sum(np.ptp(clip) == 0 for clip in clips)
    if silent == len(clips):
        raise AudiotagError(
            f"8 bits need clips with sound to take the ranges of values from, all {silent} received are silent: "
            "give clips like those that will be tagged"
        )
