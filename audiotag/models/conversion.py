"""Published weights into Keras networks: every tensor exactly once, and all of them or none."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models import published
from audiotag.models.parts import HEAD, Parts

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
    state_dict, entries, dropped = published.entries(state_dict, model)
    known = {entry.name for entry in entries}
    missing = [entry.name for entry in entries if entry.name not in state_dict]
    extra = [name for name in state_dict if name not in known and name not in dropped]
    misshaped = [
        f"{entry.name} (needs {expected}, received {state_dict[entry.name].shape})"
        for entry in entries
        if entry.name in state_dict
        and not (new_head and entry.by_class)
        and (expected := entry.layout.published_shape(tuple(entry.variable.shape))) != state_dict[entry.name].shape
    ]
    _refuse_misfits(model, missing, extra, misshaped)
    for entry in entries:
        if not (new_head and entry.by_class):
            tensor = np.asarray(state_dict[entry.name], np.float32)
            entry.variable.assign(entry.layout.to_keras(tensor, tuple(entry.variable.shape)))


def classes_of(state_dict: Mapping[str, np.ndarray]) -> int | None:
    """Number of classes of a published `state_dict`; None where it has no head that is known."""
    if "classifier.head_weight" in state_dict and "classifier.subspace_proj.bias" in state_dict:
        return state_dict["classifier.subspace_proj.bias"].size // (2 * state_dict["classifier.head_weight"].size)
    biases = (bias for names in published.NAMES.values() for bias in names.bias)
    return next((state_dict[bias].size for bias in biases if bias in state_dict), None)


def copy_weights(source: keras.Model, model: keras.Model, *, new_head: bool = False) -> None:
    """Copy every weight from a network of the same architecture; with `new_head`, all but the last layer's.

    Raises:
        AudiotagError: the networks differ; the first three weights that do not fit are named.
    """
    parts = Parts(source), Parts(model)
    theirs, ours = (of.weights for of in parts)
    if new_head:
        theirs, ours = (_below_head(one, other) for one, other in (parts, reversed(parts)))
    misshaped = [
        f"{path} (needs {tuple(weight.shape)}, received {tuple(theirs[path].shape)})"
        for path, weight in ours.items()
        if path in theirs and tuple(weight.shape) != tuple(theirs[path].shape)
    ]
    missing, extra = [path for path in ours if path not in theirs], [path for path in theirs if path not in ours]
    _refuse_misfits(model, missing, extra, misshaped)
    for path, weight in ours.items():
        weight.assign(keras.ops.convert_to_numpy(theirs[path]))


def _below_head(parts: Parts, other: Parts) -> dict[str, keras.Variable]:
    """Weights without the last layer's, and where the heads are of another kind without what the other lacks."""
    below = {path: weight for path, weight in parts.weights.items() if path not in parts.class_weights}
    if parts.head == other.head:
        return below
    head = {layer.name for layer in parts.stages.get(HEAD, ())}
    return {path: weight for path, weight in below.items() if path.split("/")[0] not in head or path in other.weights}


def _refuse_misfits(model: keras.Model, missing: list[str], extra: list[str], misshaped: list[str]) -> None:
    faults = (("missing", missing), ("extra", extra), ("misshaped", misshaped))
    shown = [
        f"{kind} {', '.join(names[:SHOWN])}" + (f" … {len(names)} in all" if len(names) > SHOWN else "")
        for kind, names in faults
        if names
    ]
    if shown:
        raise AudiotagError(
            f"the weights do not fit {model.name}: {'; '.join(shown)}: build the architecture they were trained as"
        )
