"""A PaSST that starts from an image transformer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models

array = keras.ops.convert_to_numpy
WIDTH, DEPTH, EDGE = 32, 2, 12


@pytest.fixture
def state() -> dict[str, np.ndarray]:
    """What a small distilled DeiT of three colours and 1000 classes holds."""
    generator = np.random.default_rng(0)
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "dist_token": (1, 1, WIDTH),
        "pos_embed": (1, 2 + EDGE * EDGE, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 16, 16),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
        "head.weight": (1000, WIDTH),
        "head.bias": (1000,),
        "head_dist.weight": (1000, WIDTH),
        "head_dist.bias": (1000,),
    }
    for block in range(DEPTH):
        for name, size in {"norm1": (), "norm2": (), "attn.qkv": 3, "attn.proj": 1, "mlp.fc1": 4}.items():
            shape = (WIDTH,) if size == () else (size * WIDTH, WIDTH)
            shapes |= {f"blocks.{block}.{name}.weight": shape, f"blocks.{block}.{name}.bias": shape[:1]}
        shapes |= {f"blocks.{block}.mlp.fc2.weight": (WIDTH, 4 * WIDTH), f"blocks.{block}.mlp.fc2.bias": (WIDTH,)}
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_an_image_transformer_becomes_a_passt_as_pytorch_resizes_it(state):
    import torch

    model = models.build("passt", classes=7, width=WIDTH, depth=DEPTH, heads=2, columns=31)
    models.convert(state, model, new_head=True)
    grid = torch.from_numpy(state["pos_embed"][:, 2:]).reshape(1, EDGE, EDGE, WIDTH).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(grid, size=(12, 31), mode="bicubic", align_corners=False)[0]
    position = model.get_layer("position")
    np.testing.assert_allclose(array(position.time), resized.mean(1).T, atol=1e-5)
    np.testing.assert_allclose(array(position.frequency), resized.mean(2).T, atol=1e-5)
    kernel = array(model.get_layer("patches").kernel)
    np.testing.assert_allclose(kernel[3, 5, 0], state["patch_embed.proj.weight"][:, :, 5, 3].sum(1), atol=1e-5)
    np.testing.assert_array_equal(array(model.get_layer("tokens").positions), state["pos_embed"][0, :2])
    attention = array(model.get_layer("block2_attention_projection").kernel)
    np.testing.assert_array_equal(attention, state["blocks.1.attn.qkv.weight"].T)


def test_a_passt_has_its_own_head_whatever_the_images_were_called(state, tmp_path):
    import safetensors.numpy as safetensors

    safetensors.save_file(state, tmp_path / "deit.safetensors")
    options = {"width": WIDTH, "depth": DEPTH, "heads": 2, "columns": 31}
    model = models.build("passt", classes=7, weights=tmp_path / "deit.safetensors", new_head=True, **options)
    assert model(np.zeros((1, 300, 128, 1), np.float32)).shape == (1, 7)
