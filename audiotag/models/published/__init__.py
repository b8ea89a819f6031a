"""Published names of tensors, a file a family of networks: what `conversion` reads checkpoints by."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import keras

from audiotag.models.published.entries import Entry

# The layer that only this family has, and its file here; what has none of them is an MN.
_MARKS = {
    "patches": "passt",
    "block5_context": "dymn",
    "mel_normalization": "panns",
    "time_patches": "yamnet",
}


def entries(model: keras.Model) -> tuple[list[Entry], frozenset[str]]:
    """Where every tensor of a published checkpoint goes in a network that `build` made.

    Args:
        model: the network.

    Returns:
        The entries in the order of the network, and the names of tensors that have no use and may be there.
    """
    names = {layer.name for layer in model.layers}
    family = next((file for mark, file in _MARKS.items() if mark in names), "mn")
    module = importlib.import_module(f"audiotag.models.published.{family}")
    found = list(module.entries(model))
    counters = {
        f"{entry.name.removesuffix('running_mean')}num_batches_tracked"
        for entry in found
        if entry.name.endswith("running_mean")
    }
    return found, frozenset(counters | getattr(module, "DROPPED", frozenset()))
