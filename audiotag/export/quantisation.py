"""Eight bits for the network in an ONNX file: the front end before it and the scoring behind it stay float32.

A spectrum spans more than eight bits hold, and scores near 0, which rank most clips of a class, would become one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError


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
