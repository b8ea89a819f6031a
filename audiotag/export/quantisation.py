"""Eight bits for a network: which part of it, with which weights, and an ONNX file of it.

The front end before it and the scoring behind it stay float32: a spectrum spans more than eight bits hold, and scores
near 0, which rank most clips of a class, would become one. So does its first block, which has few operations, and
whose rounding every later one carries on: of mn04's published weights it made half of the error of all activations.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.export.hard_swish import folded
from audiotag.models.parts import Parts

_LARGEST = 127  # of a weight of 8 bits, as both runtimes take them: -127 … 127, a scale a channel
_FLOAT = "block1"  # the last part that stays float32
_AT_ONCE = 8  # clips in memory


def prepared(network: keras.Model, log_mel: np.ndarray) -> tuple[keras.Model | None, keras.Model]:
    """A network as two: what stays float32, and what is quantised.

    The second has a folded hard-swish, and its weights' rounding moves no channel's mean: a runtime rounds weights to
    the nearest of 255 values, and what that does to the mean over real clips is taken off again (bias correction, arXiv
    1906.04721 section 4.2, from data).

    Args:
        network: log-mel to outputs; it stays as it is.
        log_mel: (clips, frames, mels, 1) float32, real clips.

    Returns:
        Log-mel to what the second takes, None for a network without such a part or with outputs that pass it by; and
        the rest.

    Raises:
        AudiotagError: recurrent layers, whose loops end the quantisers of both runtimes, and with them the process.
    """
    recurrent = (keras.layers.RNN, keras.layers.Bidirectional)
    if loops := [layer.name for layer in network._flatten_layers() if isinstance(layer, recurrent)]:
        raise AudiotagError(
            f"there are no recurrent layers in 8 bits, {network.name} has {', '.join(loops)}: choose --precision "
            "dynamic, whose weights have 8 bits"
        )
    copy = folded(network)
    for name, error in _mean_errors(network, log_mel).items():
        layer = copy.get_layer(name)
        shifted, sign = (layer.moving_mean, 1) if hasattr(layer, "moving_mean") else (layer.bias, -1)
        shifted.assign(shifted + sign * error)
    stages = Parts(copy).stages
    if not Parts(copy).family or not stages.get(_FLOAT):
        return None, copy
    between = stages[_FLOAT][-1].output
    try:
        return keras.Model(copy.input, between), keras.Model(between, copy._outputs_struct)
    except ValueError:  # an output is made of what comes before
        return None, copy


def _mean_errors(network: keras.Model, log_mel: np.ndarray) -> dict[str, np.ndarray]:
    """By how much rounded weights move the mean of each output channel, by the layer that can take it off again."""
    errors: dict[str, keras.KerasTensor] = {}
    for layer in network.layers:
        if type(layer).__name__ not in ("Conv2D", "DepthwiseConv2D", "Dense") or len(layer._inbound_nodes) != 1:
            continue
        after = [node.operation for node in layer._outbound_nodes]
        normalised = len(after) == 1 and isinstance(after[0], keras.layers.BatchNormalization)
        if not normalised and not layer.use_bias:
            continue
        settings = layer.get_config() | {"activation": None, "use_bias": False, "name": f"{layer.name}_error"}
        rounding = type(layer).from_config(settings)
        moved = rounding(layer.input)
        rounding.kernel.assign(_rounded(layer) - layer.kernel)
        errors[after[0].name if normalised else layer.name] = keras.ops.mean(moved, axis=range(len(moved.shape) - 1))
    if not errors:
        return {}
    measure = keras.Model(network.input, errors)
    sums = dict.fromkeys(errors, 0.0)
    for start in range(0, len(log_mel), _AT_ONCE):
        clips = log_mel[start : start + _AT_ONCE]
        for name, mean in measure(clips, training=False).items():
            sums[name] += len(clips) * np.asarray(mean, np.float64)
    return {name: total / len(log_mel) for name, total in sums.items()}


def _rounded(layer: keras.layers.Layer) -> np.ndarray:
    """The weights of a layer as a runtime of 8 bits has them."""
    kernel = np.asarray(layer.kernel)
    others = (0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else tuple(range(kernel.ndim - 1))
    scale = np.abs(kernel).max(axis=others, keepdims=True) / _LARGEST
    return np.rint(kernel / np.where(scale, scale, 1)) * scale


def onnx(model: Path, scope: str, clips: np.ndarray, path: Path) -> None:
    """An ONNX file whose network computes in 8 bits: unsigned activations, signed weights per channel.

    ONNX Runtime leaves half of the convolutions in float32 where the activations are signed too.

    Args:
        model: the same file in float32; its network has a folded hard-swish (`hard_swish.folded`).
        scope: how the names of the network's nodes begin, which is the `tf.name_scope` that it was traced in; all other
            nodes stay float32.
        clips: (clips, …) float32, each an input of the file without its batch axis, which the ranges are taken from.
        path: where the file is written.

    Raises:
        AudiotagError: no node is named so.
    """
    import onnx as files
    from onnxruntime import quantization

    graph = files.load(model).graph
    nodes = [node.name for node in graph.node if node.name.startswith(scope)]
    if not nodes:
        raise AudiotagError(f"no node of {model} is named {scope}…: trace the network in a name scope of that name")
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises to fuse what is fused already
    try:
        quantization.quantize_static(
            model,
            path,
            _Reader(graph.input[0].name, clips),
            per_channel=True,
            nodes_to_quantize=nodes,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    finally:
        logging.disable(disabled)


class _Reader:
    """Clips one by one, as ONNX Runtime asks for them."""

    def __init__(self, name: str, clips: np.ndarray) -> None:
        self._inputs: Iterator[dict[str, np.ndarray]] = ({name: clip[None]} for clip in clips)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next clip; None after the last."""
        return next(self._inputs, None)
