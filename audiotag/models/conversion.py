"""Weights into a network, all of them or none: published ones, another network's, or single outputs of its head."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models import published
from audiotag.models.parts import HEAD, Parts
from audiotag.models.published import Shape

SHOWN = 3


def convert(state_dict: Mapping[str, np.ndarray], model: keras.Model, *, new_head: bool = False) -> None:
    """Load a published `state_dict` into a network; nothing is changed unless every tensor fits.

    Args:
        state_dict: tensors by their published names, as `load_state_dict` gives them.
        model: a network that `build` made for the same architecture.
        new_head: leave the tensors that depend on the number of classes aside, and the model's own in place.

    Raises:
        AudiotagError: a tensor is missing, of another shape, or more than the model has; the first three are named.
    """
    state_dict, entries, unused = published.entries(state_dict, model)
    loaded = [entry for entry in entries if not (new_head and entry.by_class)]
    needed = dict.fromkeys(entry.name for entry in entries)
    needed |= {entry.name: entry.layout.published_shape(tuple(entry.variable.shape)) for entry in loaded}
    _check_fit(model, needed, {name: tensor.shape for name, tensor in state_dict.items() if name not in unused})
    for entry in loaded:
        tensor = np.asarray(state_dict[entry.name], np.float32)
        entry.variable.assign(entry.layout.to_keras(tensor, tuple(entry.variable.shape)))


def classes_of(state_dict: Mapping[str, np.ndarray], wanted: int) -> int | None:
    """Number of classes of a published `state_dict`; None where it has no head that is known.

    Args:
        state_dict: the checkpoint.
        wanted: number of classes of a network: what is given where one of several heads has it.
    """
    if "classifier.head_weight" in state_dict and "classifier.subspace_proj.bias" in state_dict:
        return state_dict["classifier.subspace_proj.bias"].size // (2 * state_dict["classifier.head_weight"].size)
    biases = (bias for names in published.NAMES.values() for bias in names.bias)
    sizes = [state_dict[bias].size for bias in biases if bias in state_dict]
    return wanted if wanted in sizes else next(iter(sizes), None)


def copy_weights(source: keras.Model, model: keras.Model, *, new_head: bool = False) -> None:
    """Copy every weight from a network of the same architecture; with `new_head`, all but the last layer's.

    Raises:
        AudiotagError: the networks differ; the first three weights that do not fit are named.
    """
    parts = Parts(source), Parts(model)
    theirs, ours = (of.weights for of in parts)
    if new_head:
        theirs, ours = (_below_head(one, other) for one, other in (parts, reversed(parts)))
    needed, received = ({path: tuple(weight.shape) for path, weight in weights.items()} for weights in (ours, theirs))
    _check_fit(model, needed, received)
    for path, weight in ours.items():
        weight.assign(keras.ops.convert_to_numpy(theirs[path]))


def copy_body(source: keras.Model, model: keras.Model) -> None:
    """Copy the weights of all stages that two networks have in common, but of their heads.

    Raises:
        AudiotagError: one that does not fit.
    """
    theirs, ours = Parts(source), Parts(model)
    common = [name for name in ours.stages if name in theirs.stages and name != HEAD]
    layers = {layer.name for name in common for layer in ours.stages[name]}
    weights = {path: weight for path, weight in ours.weights.items() if path.split("/")[0] in layers}
    received = {path: tuple(theirs.weights[path].shape) for path in weights if path in theirs.weights}
    _check_fit(model, {path: tuple(weight.shape) for path, weight in weights.items()}, received)
    for path, weight in weights.items():
        weight.assign(keras.ops.convert_to_numpy(theirs.weights[path]))


def _below_head(parts: Parts, other: Parts) -> dict[str, keras.Variable]:
    """Weights without the last layer's, and where the heads are of another kind without what the other lacks."""
    below = {path: weight for path, weight in parts.weights.items() if path not in parts.class_weights}
    if parts.head == other.head:
        return below
    head = {layer.name for layer in parts.stages.get(HEAD, ())}
    return {path: weight for path, weight in below.items() if path.split("/")[0] not in head or path in other.weights}


def _check_fit(model: keras.Model, needed: Mapping[str, Shape | None], received: Mapping[str, Shape]) -> None:
    """Refuse weights of other names or shapes than a network needs; None: any shape."""
    faults = {
        "missing": [name for name in needed if name not in received],
        "extra": [name for name in received if name not in needed],
        "misshaped": [
            f"{name} (needs {shape}, received {received[name]})"
            for name, shape in needed.items()
            if shape is not None and name in received and shape != received[name]
        ],
    }
    shown = [
        f"{kind} {', '.join(names[:SHOWN])}" + (f" … {len(names)} in all" if len(names) > SHOWN else "")
        for kind, names in faults.items()
        if names
    ]
    if shown:
        raise AudiotagError(
            f"the weights do not fit {model.name}: {'; '.join(shown)}: build the architecture they were trained as"
        )


def matching_classes(theirs: Labels, ours: Labels) -> list[tuple[int, int]]:
    """Classes that two vocabularies share, as `Labels.matching` finds them.

    Args:
        theirs: the old vocabulary.
        ours: the new one.

    Returns:
        (their output, our output) for each shared class, in our order.
    """
    return [
        (their, output)
        for output, (key, name) in enumerate(zip(ours.ids, ours.names, strict=True))
        for their in theirs.matching(key, name)[:1]
    ]


def carry_over(source: keras.Model, network: keras.Model, pairs: list[tuple[int, int]]) -> None:
    """Copy the weights of single outputs from a network of the same architecture with other classes.

    Args:
        source: the network with the old head.
        network: the one with the new head, changed in place.
        pairs: (output of `source`, output of `network`), as `matching_classes` gives them.

    Raises:
        AudiotagError: the heads are not of the same kind and width.
    """
    classes = source.output_shape[-1], network.output_shape[-1]
    old, new = Parts(source).class_weights, Parts(network).class_weights
    shapes = [
        {name: (*variable.shape[:-1], variable.shape[-1] / count) for name, variable in head.items()}
        for head, count in zip((old, new), classes, strict=True)
    ]
    if shapes[0] != shapes[1]:
        raise AudiotagError(
            f"outputs carry over between heads of the same architecture, received {source.name} and {network.name}"
        )
    from_, to = np.array(pairs, int).reshape(-1, 2).T
    for name, variable in new.items():
        ours = _by_class(variable, classes[1])
        ours[..., to] = _by_class(old[name], classes[0])[..., from_]
        variable.assign(ours.reshape(variable.shape))


def _by_class(variable: keras.Variable, classes: int) -> np.ndarray:
    # Where a class has several columns (attention pooling), the class is what varies fastest.
    return np.array(keras.ops.convert_to_numpy(variable)).reshape(*variable.shape[:-1], -1, classes)
