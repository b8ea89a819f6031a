"""Published PyTorch weights into Keras networks: the one place that knows both names and both layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models.mn import BLOCKS

SHOWN = 3
Shape = tuple[int, ...]


class Layout(NamedTuple):
    """How a tensor lies in PyTorch (batch, channels, mels, frames) and in Keras (batch, frames, mels, channels)."""

    published_shape: Callable[[Shape], Shape]
    to_keras: Callable[[np.ndarray], np.ndarray]


CONVOLUTION = Layout(lambda s: (s[3], s[2], s[1], s[0]), lambda w: w.transpose(3, 2, 1, 0))
DEPTHWISE = Layout(lambda s: (s[2], 1, s[1], s[0]), lambda w: w.transpose(3, 2, 0, 1))
DENSE = Layout(lambda s: (s[1], s[0]), lambda w: w.T)
VECTOR = Layout(lambda s: s, lambda w: w)
TIME = Layout(lambda s: (1, s[1], 1, s[0]), lambda w: w[0, :, 0].T)
FREQUENCY = Layout(lambda s: (1, s[1], s[0], 1), lambda w: w[0, :, :, 0].T)
TOKENS = Layout(lambda s: (1, *s), lambda w: w[0])


class Entry(NamedTuple):
    """Where a published tensor goes; `head`: it depends on the number of classes."""

    name: str
    variable: keras.Variable
    layout: Layout
    head: bool = False


def convert(state_dict: Mapping[str, np.ndarray], model: keras.Model, *, new_head: bool = False) -> None:
    """Load a published `state_dict` into a network; nothing is changed unless every tensor fits.

    Args:
        state_dict: tensors by their published names, as `load_state_dict` gives them.
        model: an MN or PaSST that `build` made for the same architecture.
        new_head: leave the tensors that depend on the number of classes aside, and the model's own in place.

    Raises:
        AudiotagError: a tensor is missing, of another shape, or more than the model has; the first three are named.
    """
    is_passt = any(layer.name == "patches" for layer in model.layers)
    entries = list(_passt(model) if is_passt else _mn(model))
    missing = [entry.name for entry in entries if entry.name not in state_dict]
    known = {entry.name for entry in entries}
    extra = [name for name in state_dict if name not in known and not _is_dropped(name, known, is_passt)]
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
    for name in ("head.1.bias", "classifier.5.bias", "classifier.1.bias"):
        if name in state_dict:
            return state_dict[name].size
    return None


def copy_weights(source: keras.Model, model: keras.Model, *, new_head: bool = False) -> None:
    """Copy every weight from a network of the same architecture; with `new_head`, all but the last layer's.

    Raises:
        AudiotagError: the networks differ; the first three weights that do not fit are named.
    """
    theirs, ours = _by_path(source), _by_path(model)
    if new_head:
        heads = ("logits/", "logits_convolution/", "logits_normalization/", "attention_projection/")
        is_passt = "position/time" in ours
        dropped = heads[:1] if is_passt else heads
        theirs, ours = (
            {path: weight for path, weight in weights.items() if not path.startswith(dropped)}
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


def _is_dropped(name: str, known: set[str], is_passt: bool) -> bool:
    """Whether a published tensor has no use: BatchNorm's step counter, and PaSST's head that is never read."""
    if is_passt:
        return name in ("head_dist.weight", "head_dist.bias")
    stem, _, last = name.rpartition(".")
    return last == "num_batches_tracked" and f"{stem}.running_mean" in known


def _mn(model: keras.Model) -> Iterator[Entry]:
    names = {layer.name for layer in model.layers}
    yield from _convolution(model, "features.0", "stem")
    for number in range(1, len(BLOCKS) + 1):
        # A part that a block lacks does not count: the published numbers move up.
        parts = ("expand", "depthwise", "squeeze", "project")
        present = [part for part in parts if any(name.startswith(f"block{number}_{part}_") for name in names)]
        for position, part in enumerate(present):
            published, ours = f"features.{number}.block.{position}", f"block{number}_{part}"
            if part != "squeeze":
                yield from _convolution(model, published, ours)
                continue
            dims = [dim for dim in "cft" if f"{ours}_{dim}_reduce" in names]
            for order, dim in enumerate(dims):
                yield from _dense(model, f"{published}.conc_se_layers.{order}.fc1", f"{ours}_{dim}_reduce")
                yield from _dense(model, f"{published}.conc_se_layers.{order}.fc2", f"{ours}_{dim}_expand")
    yield from _convolution(model, f"features.{len(BLOCKS) + 1}", "last")
    if "hidden" in names:
        yield from _dense(model, "classifier.2", "hidden")
        yield from _dense(model, "classifier.5", "logits", head=True)
    elif "logits_convolution" in names:
        yield from _convolution(model, "classifier", "logits", head=True)
    else:
        yield from _dense(model, "classifier.subspace_proj", "attention_projection", head=True)
        yield Entry("classifier.head_weight", model.get_layer("head_weights").kernel, TOKENS)


def _passt(model: keras.Model) -> Iterator[Entry]:
    position, tokens = model.get_layer("position"), model.get_layer("tokens")
    patches = model.get_layer("patches")
    yield Entry("patch_embed.proj.weight", patches.kernel, CONVOLUTION)
    yield Entry("patch_embed.proj.bias", patches.bias, VECTOR)
    yield Entry("time_new_pos_embed", position.time, TIME)
    yield Entry("freq_new_pos_embed", position.frequency, FREQUENCY)
    yield Entry("cls_token", tokens.class_token, TOKENS)
    yield Entry("dist_token", tokens.distillation_token, TOKENS)
    yield Entry("new_pos_embed", tokens.positions, TOKENS)
    parts = {"attn.qkv": "attention_projection", "attn.proj": "attention_output"}
    parts |= {"mlp.fc1": "mlp_hidden", "mlp.fc2": "mlp_output"}
    depth = sum(layer.name.endswith("_attention") for layer in model.layers)
    for number in range(depth):
        for published, ours in {"norm1": "attention", "norm2": "mlp"}.items():
            yield from _scale(model, f"blocks.{number}.{published}", f"block{number + 1}_{ours}_normalization")
        for published, ours in parts.items():
            yield from _dense(model, f"blocks.{number}.{published}", f"block{number + 1}_{ours}")
    yield from _scale(model, "norm", "normalization")
    yield from _scale(model, "head.0", "logits_normalization")
    yield from _dense(model, "head.1", "logits", head=True)


def _convolution(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    layer = model.get_layer(f"{ours}_convolution")
    layout = DEPTHWISE if isinstance(layer, keras.layers.DepthwiseConv2D) else CONVOLUTION
    yield Entry(f"{published}.0.weight", layer.kernel, layout, head)
    yield from _scale(model, f"{published}.1", f"{ours}_normalization", head=head)
    normalization = model.get_layer(f"{ours}_normalization")
    yield Entry(f"{published}.1.running_mean", normalization.moving_mean, VECTOR, head)
    yield Entry(f"{published}.1.running_var", normalization.moving_variance, VECTOR, head)


def _scale(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    layer = model.get_layer(ours)
    yield Entry(f"{published}.weight", layer.gamma, VECTOR, head)
    yield Entry(f"{published}.bias", layer.beta, VECTOR, head)


def _dense(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    layer = model.get_layer(ours)
    yield Entry(f"{published}.weight", layer.kernel, DENSE, head)
    yield Entry(f"{published}.bias", layer.bias, VECTOR, head)
