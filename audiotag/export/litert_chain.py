"""LiteRT models one after the other in one file, so that each part is converted as suits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np

from audiotag.errors import AudiotagError

_IDENTIFIER = b"TFL3"  # of every LiteRT file: tensorflow/compiler/mlir/lite/schema/schema.fbs


def chained(models: Sequence[bytes]) -> bytes:
    """One model that gives what the last gives for the output of the one before, and so on to the first.

    Args:
        models: LiteRT models of one graph each; all have one input, and all but the last one output. What one gives
            has the shape and type of what the next takes.

    Returns:
        The model: the first's input, the last's outputs. Signatures are left out.

    Raises:
        AudiotagError: parts that do not fit.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    whole, *others = (schema.ModelT.InitFromPackedBuf(content, 0) for content in models)
    for other in others:
        _append(whole, other)
    whole.signatureDefs = None
    builder = flatbuffers.Builder(sum(map(len, models)))
    builder.Finish(whole.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _append(whole: Any, other: Any) -> None:
    """Let a model go on where another ends."""
    if len(whole.subgraphs) != 1 or len(other.subgraphs) != 1:
        raise AudiotagError("parts of a LiteRT file are one graph each: a loop or a branch makes more of it")
    graph, added = whole.subgraphs[0], other.subgraphs[0]
    if len(graph.outputs) != 1 or len(added.inputs) != 1:
        raise AudiotagError(
            f"parts of a LiteRT file pass on one tensor, received {len(graph.outputs)} outputs for "
            f"{len(added.inputs)} inputs: put what gives several into the last part"
        )
    given, taken = graph.tensors[graph.outputs[0]], added.tensors[added.inputs[0]]
    shapes = [np.asarray(tensor.shape).tolist() for tensor in (given, taken)]
    if shapes[0] != shapes[1] or given.type != taken.type:
        raise AudiotagError(
            f"parts of a LiteRT file fit together, received {shapes[0]} for {shapes[1]}: "
            "convert both with the same fixed shape"
        )
    # Tensors are numbered on; the one that is taken is the one that is given. -1 stands for no tensor.
    numbers = {-1: -1, int(added.inputs[0]): int(graph.outputs[0])}
    first_buffer, first_code = len(whole.buffers), len(whole.operatorCodes)
    for number, tensor in enumerate(added.tensors):
        if number not in numbers:
            # The first buffer is the empty one, of tensors that are computed.
            tensor.buffer += first_buffer if tensor.buffer else 0
            numbers[number] = len(graph.tensors)
            graph.tensors.append(tensor)
    for operator in added.operators:
        operator.opcodeIndex += first_code
        operator.inputs = [numbers[int(tensor)] for tensor in operator.inputs]
        operator.outputs = [numbers[int(tensor)] for tensor in operator.outputs]
    graph.operators = [*(graph.operators or []), *added.operators]
    graph.outputs = [numbers[int(tensor)] for tensor in added.outputs]
    whole.buffers += other.buffers
    whole.operatorCodes = [*(whole.operatorCodes or []), *other.operatorCodes]
