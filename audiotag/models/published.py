"""Published names and layouts of tensors, family by family: what `conversion` reads checkpoints by."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.models import deit, efficientsed
from audiotag.models.dynamic import LINES
from audiotag.models.parts import Parts

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """How a tensor lies in PyTorch (batch, channels, mels, frames) and in Keras (batch, frames, mels, channels)."""

    published_shape: Callable[[Shape], Shape]
    """From the shape in Keras."""
    to_keras: Callable[[np.ndarray, Shape], np.ndarray]
    """The published tensor, for a shape in Keras."""


def _lines(tensor: np.ndarray, _: Shape) -> np.ndarray:
    """(channels x coefficients, …) -> (…, coefficients x channels)."""
    by_channel = tensor.reshape(-1, 2 * LINES, *tensor.shape[1:])
    return np.moveaxis(by_channel.swapaxes(0, 1).reshape(tensor.shape), 0, -1)


def _gates(tensor: np.ndarray) -> np.ndarray:
    """A GRU's gates on the first axis: reset, update, candidate of PyTorch become update, reset, candidate of Keras."""
    reset, update, candidate = np.split(tensor, 3)
    return np.concatenate([update, reset, candidate])


LAYOUTS = {
    "same": Layout(lambda s: s, lambda w, _: w),
    "dense": Layout(lambda s: (s[1], s[0]), lambda w, _: w.T),
    "pointwise": Layout(lambda s: (s[1], s[0], 1, 1), lambda w, _: w[:, :, 0, 0].T),
    "convolution": Layout(lambda s: (s[3], s[2], s[1], s[0]), lambda w, _: w.transpose(3, 2, 1, 0)),
    # PANNs hold spectrograms as (batch, 1, frames, mels).
    "frames_first": Layout(lambda s: (s[3], s[2], s[0], s[1]), lambda w, _: w.transpose(2, 3, 1, 0)),
    "depthwise": Layout(lambda s: (s[2], 1, s[1], s[0]), lambda w, _: w.transpose(3, 2, 0, 1)),
    "time": Layout(lambda s: (1, s[1], 1, s[0]), lambda w, _: w[0, :, 0].T),
    "frequency": Layout(lambda s: (1, s[1], s[0], 1), lambda w, _: w[0, :, :, 0].T),
    "tokens": Layout(lambda s: (1, *s), lambda w, _: w[0]),
    # Several kernels: (kernels, entering, leaving) and (kernels, frames, mels, channels) in Keras.
    "mixed_pointwise": Layout(
        lambda s: (1, 1, s[0], s[1] * s[2]), lambda w, s: w.reshape(s[0], s[2], s[1]).swapaxes(1, 2)
    ),
    "mixed_depthwise": Layout(
        lambda s: (1, 1, s[0], s[1] * s[2] * s[3]),
        lambda w, s: w.reshape(s[0], s[3], s[2], s[1]).transpose(0, 3, 2, 1),
    ),
    "convolution_1d": Layout(lambda s: (s[2], s[1], s[0]), lambda w, _: w.transpose(2, 1, 0)),
    "gates_kernel": Layout(lambda s: (s[1], s[0]), lambda w, _: _gates(w).T),
    "gates_bias": Layout(lambda s: s, lambda w, _: _gates(w.T).T),
    "lines_kernel": Layout(lambda s: (s[1], s[0]), _lines),
    "lines_bias": Layout(lambda s: s, _lines),
}
_BLOCK = re.compile(r"block(\d+)_")
_BLOCK_PARTS = ("expand", "depthwise", "squeeze", "project")


@dataclass(frozen=True)
class Names:
    """What the tensors of a family are called: a table of `published.toml`, which says what the fields are."""

    layers: dict[str, str]
    bias: tuple[str, ...]
    weights: dict[str, str]
    layouts: dict[str, str]
    first: int = 1
    head: str | None = None
    unused: str = "(?!)"  # no name at all


def _tables() -> dict[str, Names]:
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    usual = tables.pop("usual")
    return {
        family: Names(**usual | table | {"layouts": usual["layouts"] | table.get("layouts", {})})
        for family, table in tables.items()
    }


NAMES = _tables()


class Entry(NamedTuple):
    """Where a published tensor goes; `by_class`: it depends on the number of classes."""

    name: str
    variable: keras.Variable
    layout: Layout
    by_class: bool = False


def entries(
    state_dict: Mapping[str, np.ndarray], model: keras.Model
) -> tuple[Mapping[str, np.ndarray], list[Entry], set[str]]:
    """Where every tensor of a published checkpoint goes in a network that `build` made.

    Args:
        state_dict: the checkpoint.
        model: the network.

    Returns:
        The checkpoint under the names of the network's family, without its head where the network has a "frames" head,
        which is always new; the entries in the order of the network; the names of tensors that have no use and may be
        there.

    Raises:
        AudiotagError: a network of which no weights are published.
    """
    parts = Parts(model)
    if parts.family not in NAMES:
        raise AudiotagError(f"no weights of other people are known for {model.name}: name a .keras file of its kind")
    names = NAMES[parts.family]
    if parts.family == "passt" and deit.is_deit(state_dict):
        position = model.get_layer("position")
        state_dict = deit.as_passt(state_dict, position.frequency.shape[0], position.time.shape[0])
    if parts.family == "fmn":
        of_means = isinstance(model.get_layer("logits"), keras.layers.GlobalAveragePooling1D)
        state_dict = efficientsed.as_fmn(state_dict, model.output_shape[-1], of_means)
    if parts.head == "frames" and names.head:
        state_dict = {name: tensor for name, tensor in state_dict.items() if not name.startswith(names.head)}
    inside = _inside_blocks(parts)
    entries = [entry for path in parts.weights if (entry := _entry(path, parts, inside, names))]
    unused = {name for name in state_dict if re.fullmatch(names.unused, name)}
    means = (entry.name.removesuffix("running_mean") for entry in entries if entry.name.endswith("running_mean"))
    return state_dict, entries, unused | {f"{normalization}num_batches_tracked" for normalization in means}


def _inside_blocks(parts: Parts) -> dict[str, set[str]]:
    """What the layers with weights of a block are called, by how its names begin: "block3_"."""
    inside: dict[str, set[str]] = {}
    for path in parts.weights:
        if match := _BLOCK.match(path):
            inside.setdefault(match[0], set()).add(path.split("/")[0].removeprefix(match[0]))
    return inside


def _entry(path: str, parts: Parts, inside: dict[str, set[str]], names: Names) -> Entry | None:
    """Where one of our weights comes from; None for one that is not published."""
    layer, weight = path.split("/")
    key, places = _places(layer, inside, names)
    name = names.layers.get(f"{key}/{weight}")
    if name is None:
        if key not in names.layers or weight not in names.weights:
            return None
        name = names.layers[key] + names.weights[weight]
    kind = type(parts.network.get_layer(layer)).__name__
    keys = (f"{key} {weight}", f"{kind} {weight}", weight)
    layout = next((names.layouts[key] for key in keys if key in names.layouts), "same")
    return Entry(name.format(**places), parts.weights[path], LAYOUTS[layout], path in parts.class_weights)


def _places(layer: str, inside: dict[str, set[str]], names: Names) -> tuple[str, dict[str, int]]:
    """A layer's name with "#" for the number of its stage, and what the braces of published names stand for."""
    if match := re.match(r"(encoder|gru|attention|tcn|hybrid)(\d+)", layer):
        return f"{match[1]}#{layer.removeprefix(match[0])}", {"layer": int(match[2]) - 1}
    match = _BLOCK.match(layer)
    if match is None:
        return layer, {}
    ours = inside[match[0]]
    # What a block lacks does not count: the published numbers move up.
    present = [part for part in _BLOCK_PARTS if any(name.startswith(f"{part}_") for name in ours)]
    gates = [dim for dim in "cft" if f"squeeze_{dim}_reduce" in ours]
    places = {place: i for places in (present, gates) for i, place in enumerate(places)}
    kind = "dynamic" if "context" in ours else "block"
    return f"{kind}#_{layer.removeprefix(match[0])}", places | {"n": int(match[1]) - 1 + names.first}
