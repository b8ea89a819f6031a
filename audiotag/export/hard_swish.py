"""Hard-swish without its division by six, which the next weights take over: what 8-bit runtimes compute quickly.

hard_swish(x) = x relu6(x + 3) / 6. LiteRT's 8-bit operator of that name is slow and tears the graph into pieces; a sum
and a product are not. Here 6 hard_swish(x) = x relu6(x + 3) goes on as it is, through everything that is linear in it,
up to the next kernels, which are divided by 6. Where it meets a branch without the factor in a sum, as the stem does in
the first block, that branch's normalisation is multiplied by 6.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

_FACTOR = 6.0

# By layer: the weights that are linear in each of its inputs; None where there is none.
_KERNELS: dict[str, tuple[str | None, ...]] = {
    "Conv2D": ("kernel",),
    "DepthwiseConv2D": ("kernel",),
    "Dense": ("kernel",),
    "DynamicPointwise": ("kernel", "attention_kernel"),
    "DynamicDepthwise": ("kernel", "attention_kernel"),
    "DynamicReLU": (None, "kernel"),
}
# Layers and operations whose output has the factor of their inputs, if that is the same for all.
_PASSING = {
    *("ZeroPadding1D", "ZeroPadding2D", "Permute", "Reshape", "Dropout", "Concatenate", "GetItem"),
    *("AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "Mean"),
    *("Average", "Maximum", "Minimum"),
}


def folded(network: keras.Model) -> keras.Model:
    """The same function with no hard-swish where the factor can be taken over, which it can in any MN and DyMN.

    Args:
        network: a functional model; it stays as it is.

    Returns:
        A new model with weights of its own, whose outputs differ by the rounding of float32.
    """
    swishes = {layer.name for layer in network.layers if _is_hard_swish(layer)}
    while (factors := _factors(network, swishes)).refused:
        swishes -= factors.refused
    return _rewritten(network, swishes, factors.divisors)


def _is_hard_swish(layer: keras.layers.Layer) -> bool:
    return type(layer).__name__ == "Activation" and layer.activation is keras.activations.hard_silu


def _without_division(x: Any) -> Any:
    return x * keras.ops.relu6(x + 3.0)


@dataclass(frozen=True)
class _Carried:
    """What a tensor is multiplied by, and the activations that it has that from."""

    factor: float = 1.0
    sources: frozenset[str] = frozenset()


@dataclass
class _Factors:
    """What a walk through the network found.

    Args:
        divisors: by layer, its weights' names and what they are divided by.
        refused: activations whose factor nothing takes over.
    """

    divisors: dict[str, dict[str, float]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def divide(self, layer: keras.layers.Layer, weights: dict[str, float], sources: frozenset[str]) -> None:
        """Note the divisors of a layer; a layer that is used twice needs the same ones twice."""
        if self.divisors.setdefault(layer.name, weights) != weights:
            self.refused |= sources


def _factors(network: keras.Model, swishes: set[str]) -> _Factors:
    """Follow the factors of some activations from the input to the outputs."""
    found = _Factors()
    carried: defaultdict[int, _Carried] = defaultdict(_Carried)
    nodes = [node for _, nodes in sorted(network._nodes_by_depth.items(), reverse=True) for node in nodes]
    consumers: defaultdict[int, int] = defaultdict(int)
    for tensor in [tensor for node in nodes for tensor in node.input_tensors] + network.outputs:
        consumers[id(tensor)] += 1
    for node in nodes:
        inputs = [carried[id(tensor)] for tensor in node.input_tensors]
        if node.operation.name in swishes:
            output = _Carried(_FACTOR, frozenset({node.operation.name}))
            if inputs[0].factor != 1:
                found.refused |= inputs[0].sources
        elif type(node.operation).__name__ == "Add":
            output = _sum(node, inputs, consumers, found)
        else:
            output = _through(node.operation, inputs, found)
        for tensor in node.output_tensors:
            carried[id(tensor)] = output
    for tensor in network.outputs:
        found.refused |= carried[id(tensor)].sources
    return found


def _through(operation: Any, inputs: Sequence[_Carried], found: _Factors) -> _Carried:
    """What an operation makes of the factors of its inputs."""
    kind = type(operation).__name__
    sources = frozenset().union(*(each.sources for each in inputs))
    if not sources:
        return _Carried()
    factors = [each.factor for each in inputs]
    if kind == "Multiply":
        return _Carried(math.prod(factors), sources)
    if kind in _PASSING and len(set(factors)) == 1:
        return _Carried(factors[0], sources)
    kernels = _KERNELS.get(kind, ())
    if len(kernels) == len(factors) and all(
        kernel or factor == 1 for kernel, factor in zip(kernels, factors, strict=True)
    ):
        found.divide(
            operation, {kernel: factor for kernel, factor in zip(kernels, factors, strict=True) if kernel}, sources
        )
    else:
        found.refused |= sources
    return _Carried()


def _sum(node: Any, inputs: Sequence[_Carried], consumers: dict[int, int], found: _Factors) -> _Carried:
    """The factor of a sum: the largest of its terms', which the others get from the normalisation they come from."""
    factor = max(each.factor for each in inputs)
    sources = frozenset().union(*(each.sources for each in inputs))
    for tensor, each in zip(node.input_tensors, inputs, strict=True):
        if each.factor == factor:
            continue
        layer = tensor._keras_history.operation
        scaled = {"gamma": 1 / factor, "beta": 1 / factor}
        if (
            each.factor == 1
            and consumers[id(tensor)] == 1
            and scaled.keys() <= {weight.name for weight in layer.weights}
        ):
            found.divide(layer, scaled, sources)
        else:
            found.refused |= sources
    return _Carried(factor, sources)


def _rewritten(network: keras.Model, swishes: set[str], divisors: dict[str, dict[str, float]]) -> keras.Model:
    """A copy of the network with other activations and weights divided."""

    def copied(operation: Any) -> Any:
        if operation.name in swishes:
            return keras.layers.Activation(_without_division, dtype=operation.dtype_policy, name=operation.name)
        if isinstance(operation, keras.layers.Layer):
            return type(operation).from_config(operation.get_config())
        return operation

    copy = keras.models.clone_model(network, clone_function=copied)
    for layer, twin in zip(network.layers, copy.layers, strict=True):
        for weight, new in zip(layer.weights, twin.weights, strict=True):
            new.assign(weight / divisors.get(layer.name, {}).get(weight.name, 1.0))
    return copy
