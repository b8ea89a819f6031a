"""Published names of a PaSST's tensors."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from audiotag.models.published.entries import CONVOLUTION, FREQUENCY, TIME, TOKENS, VECTOR, Entry, dense, scale

DROPPED = frozenset({"head_dist.weight", "head_dist.bias"})
"""A head that the checkpoints hold and nothing reads."""


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
    yield from dense(model, "head.1", "logits", head=True)
