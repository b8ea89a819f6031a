"""Weights of an ONNX network in fewer bits than they are computed with: smaller files, the same operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_LARGEST = 127
_FEWEST = 256  # values of a tensor that is worth it
_CHANNELS = {"Conv": 0, "MatMul": 1, "Gemm": 1}
"""By the operation that multiplies by them: the axis of its outputs."""


def store_as(model: onnx.ModelProto, precision: str, scope: str) -> None:
    """Store the weights of the network in fewer bits, and widen them to float32 where they are used.

    A runtime may widen them once, when it opens the file (ONNX Runtime does so for float16), or each time.

    Args:
        model: changed in place.
        precision: "float16", or "dynamic": 8 bits, -127 to 127, a scale for each channel that is computed, for the
            kernels of convolutions and dense layers.
        scope: how the names of the network's operations begin; what others use stays float32.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    used_by: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            used_by.setdefault(name, []).append(node)
    kept, widened = [], []
    for tensor in graph.initializer:
        values, users = numpy_helper.to_array(tensor), used_by.get(tensor.name, [])
        within = values.dtype == np.float32 and all(node.name.startswith(scope) for node in users)
        kinds = {node.op_type for node in users if node.input[1:2] == [tensor.name]} & set(_CHANNELS)
        if not within or values.size < _FEWEST or (precision == "dynamic" and not kinds):
            kept.append(tensor)
            continue
        stored = f"{tensor.name}_stored"
        if precision == "float16":
            kept.append(numpy_helper.from_array(values.astype(np.float16), stored))
            widened.append(helper.make_node("Cast", [stored], [tensor.name], stored, to=helper.TensorProto.FLOAT))
            continue
        axis = _CHANNELS[kinds.pop()]
        scale = np.abs(values).max(axis=tuple({*range(values.ndim)} - {axis}), keepdims=True) / _LARGEST
        scale = np.where(scale, scale, 1).astype(np.float32)
        steps = np.rint(values / scale).astype(np.int8)
        kept += [numpy_helper.from_array(steps, stored), numpy_helper.from_array(scale.ravel(), f"{stored}_scale")]
        inputs = [stored, f"{stored}_scale"]
        widened.append(helper.make_node("DequantizeLinear", inputs, [tensor.name], stored, axis=axis))
    nodes = [*widened, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
