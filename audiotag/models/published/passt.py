"""Published names of a PaSST's tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np

from audiotag.models.published import deit
from audiotag.models.published.entries import CONVOLUTION, FREQUENCY, TIME, TOKENS, VECTOR, Entry, dense, scale

DROPPED = frozenset({"head_dist.weight", "head_dist.bias"})
"""A head that the checkpoints hold and nothing reads."""

HEAD = "head.1."
"""Where the names of the last layer's tensors begin."""


def adapted(state_dict: Mapping[str, np.ndarray], model: keras.Model) -> Mapping[str, np.ndarray]:
    """A PaSST's tensors as they are; those of an image transformer made into a PaSST's."""
    if not deit.is_deit(state_dict):
        return state_dict
    position = model.get_layer("position")
    return deit.as_passt(state_dict, rows=position.frequency.shape[0], columns=position.time.shape[0])


def entries(model: keras.Model) -> Iterator[Entry]:
    """Every tensor of a published PaSST that is ever read, and the variable of ours that it is."""
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
            yield from scale(model, f"blocks.{number}.{published}", f"block{number + 1}_{ours}_normalization")
        for published, ours in parts.items():
            yield from dense(model, f"blocks.{number}.{published}", f"block{number + 1}_{ours}")
    yield from scale(model, "norm", "normalization")
    yield from scale(model, "head.0", "logits_normalization")
    if "features" in {layer.name for layer in model.layers}:
        yield from dense(model, "head.1", "logits", head=True)
