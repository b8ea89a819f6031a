"""A Keras network's layers as TensorBoard's GRAPHS tab shows them, whatever the backend: blocks that unfold."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    from tensorboard.compat.proto.graph_pb2 import GraphDef

_SETTINGS = (
    "filters",
    "units",
    "kernel_size",
    "strides",
    "padding",
    "activation",
    "rate",
    "axis",
    "groups",
    "num_heads",
)


def definition(network: keras.Model) -> GraphDef:
    """The layers of a functional or sequential model, connected as they call each other.

    Layers whose names begin with the same word (`block3_expand_convolution`, `block3_add`) lie in one scope, which
    TensorBoard folds; a model inside the model is a scope too. Every layer carries its output shapes, its number of
    parameters and its settings.

    Args:
        network: a model for which `is_functional` holds.
    """
    from tensorboard.compat.proto import graph_pb2, versions_pb2

    graph = graph_pb2.GraphDef(versions=versions_pb2.VersionDef(producer=22))
    _add_nodes(graph, _functional(network), "", {}, Counter())
    return graph


def is_functional(network: keras.Model) -> bool:
    """Whether a network's layers are known without running it, so that it has a `definition`."""
    return hasattr(_functional(network), "_nodes_by_depth")


def _functional(network: Any) -> Any:
    """The functional model that does the work of a sequential one; any other as it is."""
    return getattr(network, "_functional", network)


def _add_nodes(
    graph: GraphDef, network: keras.Model, scope: str, source_of: dict[int, str], used: Counter[str]
) -> None:
    """Add the layers of a (nested) model; `source_of` says which node made a tensor."""
    calls = [call for _, calls in sorted(network._nodes_by_depth.items(), reverse=True) for call in calls]
    words = Counter(_word(name) for name in {call.operation.name for call in calls})
    for call in calls:
        if any(id(tensor) in source_of for tensor in call.output_tensors):
            continue  # an input of a model inside the model: what flows in is made outside
        operation, name = _functional(call.operation), scope + _place(call.operation.name, words)
        used[name] += 1
        name += f"_{used[name]}" if used[name] > 1 else ""
        inputs = [source_of[id(tensor)] for tensor in call.input_tensors]
        if is_functional(operation):
            inside = dict(zip(map(id, operation.inputs), inputs, strict=True))
            _add_nodes(graph, operation, f"{name}/", inside, used)
            made = [inside[id(tensor)] for tensor in operation.outputs]
        else:
            node = graph.node.add(name=name, op=type(operation).__name__, input=dict.fromkeys(inputs))
            _describe(node, operation, call.output_tensors)
            made = [name] * len(call.output_tensors)
        source_of |= dict(zip(map(id, call.output_tensors), made, strict=True))


def _place(name: str, words: Counter[str]) -> str:
    """`block3_add` as `block3/add` where other layers begin with `block3` too."""
    name = re.sub(r"[^A-Za-z0-9_./\\-]", "_", name)
    word = _word(name)
    if words[word] < 2 or "/" in name:
        return name
    return f"{word}/{name[len(word) + 1 :] or word}"


def _word(name: str) -> str:
    return name.partition("_")[0]


def _describe(node: Any, operation: Any, outputs: list[Any]) -> None:
    for tensor in outputs:
        shape = node.attr["_output_shapes"].list.shape.add()
        for size in tensor.shape:
            shape.dim.add(size=-1 if size is None else size)
    settings = {name: getattr(operation, name) for name in _SETTINGS if hasattr(operation, name)}
    if getattr(operation, "weights", []):
        settings["parameters"] = f"{operation.count_params():,}"
    for name, value in settings.items():
        text = getattr(value, "__name__", str(value))
        node.attr[name].s = text.encode()
