"""Several LiteRT models as one: what the first gives, by name, the next ones take.

The stages of a tagger are converted one by one, so that each has its own precision: the front end stays float32
whatever becomes of the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

SIGNATURE = "serving_default"

_NO_TENSOR = -1  # of an optional input that is left out


def join(models: Sequence[bytes], outputs: Sequence[str]) -> bytes:
    """One LiteRT model of several.

    Args:
        models: flatbuffers, each with one signature. An input that has the name of an output of a model before is that
            output; the first model's one input is that of the whole.
        outputs: names of the outputs of the whole, of any of the models.

    Returns:
        A flatbuffer with the one signature "serving_default".
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    first, *others = (flatbuffer_utils.read_model_from_bytearray(bytearray(model)) for model in models)
    whole, main = first, first.subgraphs[0]
    named = _names(first.signatureDefs[0].inputs) | _names(first.signatureDefs[0].outputs)
    for added in others:
        signature, offset = added.signatureDefs[0], len(main.tensors)
        takes = {index + offset: named[name] for name, index in _names(signature.inputs).items()}
        _append(whole, added, takes)
        named |= {name: index + offset for name, index in _names(signature.outputs).items()}
    main.outputs = [named[name] for name in outputs]
    (signature,) = whole.signatureDefs
    signature.signatureKey = SIGNATURE
    signature.outputs = [_mapping(schema.TensorMapT(), name, named[name]) for name in outputs]
    whole.metadata = whole.metadataBuffer = None  # of the first conversion alone
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole, b""))


def _append(whole: Any, added: Any, takes: dict[int, int]) -> None:
    """Put a model's operators behind those of the whole; `takes` are tensors of it that the whole has already."""
    buffers, codes, graphs = len(whole.buffers), len(whole.operatorCodes), len(whole.subgraphs) - 1
    tensors = len(whole.subgraphs[0].tensors)
    whole.buffers += added.buffers
    whole.operatorCodes += added.operatorCodes
    for graph in added.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer += buffers
        for operator in graph.operators:
            operator.opcodeIndex += codes
            # Loops and conditions name the graphs that they run.
            for field in vars(operator.builtinOptions) if operator.builtinOptions else ():
                if field.endswith("SubgraphIndex"):
                    setattr(operator.builtinOptions, field, getattr(operator.builtinOptions, field) + graphs)
    main, others = added.subgraphs[0], added.subgraphs[1:]
    for operator in main.operators:
        for field in ("inputs", "outputs", "intermediates"):
            moved = [_moved(index, tensors, takes) for index in _each(getattr(operator, field))]
            setattr(operator, field, moved)
    whole.subgraphs[0].tensors += main.tensors
    whole.subgraphs[0].operators += main.operators
    whole.subgraphs += others


def _moved(index: int, tensors: int, takes: dict[int, int]) -> int:
    return index if index == _NO_TENSOR else takes.get(index + tensors, index + tensors)


def _each(indices: Iterable[int] | None) -> Iterable[int]:
    return () if indices is None else map(int, indices)


def _names(maps: Iterable[Any]) -> dict[str, int]:
    """Tensors of a signature by their name."""
    return {each.name.decode(): each.tensorIndex for each in maps}


def _mapping(mapping: Any, name: str, index: int) -> Any:
    mapping.name, mapping.tensorIndex = name, index
    return mapping
