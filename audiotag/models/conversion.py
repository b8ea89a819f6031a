"""Published weights into Keras networks: every tensor exactly once, and all of them or none."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models import published
from audiotag.models.head_transfer import head_weights

SHOWN = 3
# Published tensors with an element a class, family by family.
_HEAD_BIASES = (
    *("head.1.bias", "classifier.5.bias", "classifier.1.bias"),  # PaSST, MN and DyMN
    *("fc_audioset.bias", "logits/bias:0", "head.bias"),  # PANNs, YAMNet, DeiT
)


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
        and not (new_head and entry.head)
        and (expected := entry.layout.published_shape(tuple(entry.variable.shape))) != state_dict[entry.name].shape
    ]
    _refuse_misfits(model, missing, extra, misshaped)
    for entry in entries:
        if not (new_head and entry.head):
            entry.variable.assign(entry.layout.to_keras(np.asarray(state_dict[entry.name], np.float32)))


def classes_of(state_dict: Mapping[str, np.ndarray]) -> int | None:
    """Number of classes of a published `state_dict`; None where it has no head that is known."""
    if "classifier.head_weight" in state_dict and "classifier.subspace_proj.bias" in state_dict:
        return state_dict["classifier.subspace_proj.bias"].size // (2 * state_dict["classifier.head_weight"].size)
    biases = (
        *("head.1.bias", "classifier.5.bias", "classifier.1.bias"),  # PaSST, MN and DyMN
        *("fc_audioset.bias", "logits/bias:0", "head.bias"),  # PANNs, YAMNet, DeiT
    )
    return next((state_dict[name].size for name in biases if name in state_dict), None)


def copy_weights(source: keras.Model, model: keras.Model, *, new_head: bool = False) -> None:
    """Copy every weight from a network of the same architecture; with `new_head`, all but the last layer's.

    Raises:
        AudiotagError: the networks differ; the first three weights that do not fit are named.
    """
    theirs, ours = _by_path(source), _by_path(model)
    if new_head:
        theirs, ours = (
            {path: weight for path, weight in _by_path(one).items() if path not in head_weights(one)}
            for one in (source, model)
        )
        if head_weights(source).keys() != head_weights(model).keys():  # heads of another kind
            theirs, ours = (
                {path: weight for path, weight in weights.items() if not path.startswith(("hidden/", "head_weights/"))}
                for weights in (theirs, ours)
            )
    misshaped = [
        f"{path} (needs {tuple(weight.shape)}, received {tuple(theirs[path].shape)})"
        for path, weight in ours.items()
        if path in theirs and tuple(weight.shape) != tuple(theirs[path].shape)
    ]
    missing, extra = [path for path in ours if path not in theirs], [path for path in theirs if path not in ours]
    _refuse_misfits(model, missing, extra, misshaped)
    for path, weight in ours.items():
        weight.assign(keras.ops.convert_to_numpy(theirs[path]))


def _by_path(model: keras.Model) -> dict[str, keras.Variable]:
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


def _refuse_misfits(model: keras.Model, missing: list[str], extra: list[str], misshaped: list[str]) -> None:
    faults = (("missing", missing), ("extra", extra), ("misshaped", misshaped))
    told = [
        f"{kind} {', '.join(names[:SHOWN])}" + (f" … {len(names)} in all" if len(names) > SHOWN else "")
        for kind, names in faults
        if names
    ]
    if told:
        raise AudiotagError(
            f"the weights do not fit {model.name}: {'; '.join(told)}: build the architecture they were trained as"
        )
