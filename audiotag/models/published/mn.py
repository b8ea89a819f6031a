"""Published names of an MN's tensors (EfficientAT)."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from audiotag.models.mn import BLOCKS
from audiotag.models.published.entries import TOKENS, Entry, convolution, dense

HEAD = "classifier."
"""Where the names of the head's tensors begin; DyMN's do too."""


def entries(model: keras.Model) -> Iterator[Entry]:
    """Every tensor of a published MN, and the variable of ours that it is."""
    names = {layer.name for layer in model.layers}
    yield from convolution(model, "features.0", "stem")
    for number in range(1, len(BLOCKS) + 1):
        # A part that a block lacks does not count: the published numbers move up.
        parts = ("expand", "depthwise", "squeeze", "project")
        present = [part for part in parts if any(name.startswith(f"block{number}_{part}_") for name in names)]
        for position, part in enumerate(present):
            published, ours = f"features.{number}.block.{position}", f"block{number}_{part}"
            if part != "squeeze":
                yield from convolution(model, published, ours)
                continue
            dims = [dim for dim in "cft" if f"{ours}_{dim}_reduce" in names]
            for order, dim in enumerate(dims):
                yield from dense(model, f"{published}.conc_se_layers.{order}.fc1", f"{ours}_{dim}_reduce")
                yield from dense(model, f"{published}.conc_se_layers.{order}.fc2", f"{ours}_{dim}_expand")
    yield from convolution(model, f"features.{len(BLOCKS) + 1}", "last")
    yield from head_entries(model)


def head_entries(model: keras.Model) -> Iterator[Entry]:
    """The tensors of the head, which MN and DyMN share; none of a "frames" head, which nobody has published."""
    names = {layer.name for layer in model.layers}
    if "frame_logits" in names:
        return
    if "hidden" in names:
        yield from dense(model, "classifier.2", "hidden")
        yield from dense(model, "classifier.5", "logits", head=True)
    elif "logits_convolution" in names:
        yield from convolution(model, "classifier", "logits", head=True)
    else:
        yield from dense(model, "classifier.subspace_proj", "attention_projection", head=True)
        yield Entry("classifier.head_weight", model.get_layer("head_weights").kernel, TOKENS)
