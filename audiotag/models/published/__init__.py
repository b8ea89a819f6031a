"""Published names of tensors, a file a family of networks: what `conversion` reads checkpoints by."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import keras
import numpy as np

from audiotag.models.published.entries import Entry

# The layer that only this family has, and its file here; what has none of them is an MN.
_MARKS = {
    "patches": "passt",
    "block5_context": "dymn",
    "mel_normalization": "panns",
    "time_patches": "yamnet",
}


def entries(
    state_dict: Mapping[str, np.ndarray], model: keras.Model
) -> tuple[Mapping[str, np.ndarray], list[Entry], frozenset[str]]:
    """Where every tensor of a published checkpoint goes in a network that `build` made.

    Args:
        state_dict: the checkpoint.
        model: the network.

    Returns:
        The checkpoint under the names of the network's family, without its head where the network has a "frames" head,
        which is always new; the entries in the order of the network; the names of
        tensors that have no use and may be there.
    """
    names = {layer.name for layer in model.layers}
    family = next((file for mark, file in _MARKS.items() if mark in names), "mn")
    module = importlib.import_module(f"audiotag.models.published.{family}")
    if hasattr(module, "adapted"):
        state_dict = module.adapted(state_dict, model)
    if "frame_logits" in names and hasattr(module, "HEAD"):
        state_dict = {name: tensor for name, tensor in state_dict.items() if not name.startswith(module.HEAD)}
    found = list(module.entries(model))
    counters = {
        f"{entry.name.removesuffix('running_mean')}num_batches_tracked"
        for entry in found
        if entry.name.endswith("running_mean")
    }
    return state_dict, found, frozenset(counters | getattr(module, "DROPPED", frozenset()))
