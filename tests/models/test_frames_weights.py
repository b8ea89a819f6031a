"""Weights under a new "frames" head: all but the head, from published checkpoints and from students' files."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.hybrid import CONTEXTS, Hybrid

array = keras.ops.convert_to_numpy
PASST = {"width": 96, "depth": 3, "heads": 3}


@pytest.mark.parametrize(
    ("name", "checkpoint", "options", "body"),
    [
        ("mn04", "golden/mn04_as.safetensors", {}, "last_activation"),
        ("mn01_fc_s2211", "golden/mn01_fc_s2211.safetensors", {}, "last_activation"),
        ("mn01", "golden/mn01_mhap.safetensors", {}, "last_activation"),
        ("dymn04", "golden/dymn04_as.safetensors", {}, "last_activation"),
        ("passt", "golden/passt_tiny.safetensors", PASST, "block3_mlp_add"),
    ],
)
@pytest.mark.parametrize("classes", [4, 527])
def test_published_weights_load_under_a_frames_head(shared, name, checkpoint, options, body, classes):
    weights = shared(checkpoint)
    held = {"mn01_fc_s2211": 50, "mn01": 50}.get(name, 527)
    attention = {"head": "multihead_attention_pooling"} if "mhap" in checkpoint else {}
    published = models.build(name, classes=held, weights=weights, **options, **attention)
    network = models.build(name, classes=classes, weights=weights, new_head=True, head="frames", **options)
    spectrograms = np.random.default_rng(0).normal(size=(1, 120, 128, 1)).astype(np.float32)
    expected, found = (
        array(keras.Model(one.input, one.get_layer(body).output)(spectrograms)) for one in (published, network)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert network(spectrograms).shape == (1, classes)


@pytest.mark.parametrize("head", ["mlp", "fully_convolutional", "multihead_attention_pooling"])
def test_a_student_s_file_loads_under_a_frames_head(tmp_path, head):
    student = models.build("mn01", classes=3, mels=32, head=head)
    student.save(tmp_path / "student.keras")
    options = {"classes": 3, "mels": 32, "head": "frames", "weights": tmp_path / "student.keras"}
    network = models.build("mn01", new_head=True, **options)
    ours, theirs = (array(one.get_layer("last_convolution").kernel) for one in (network, student))
    np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(AudiotagError, match="do not fit"):
        models.build("mn01", new_head=False, **options)


@pytest.mark.parametrize("context", CONTEXTS)
def test_multiply_adds_count_recurrence_and_attention(context):
    units, classes, steps, width = 8, 3, 10, 0.25
    network = Hybrid(context, width=width, units=units, depth=1, heads=2).network(context, classes, 16, None)
    channels, places = (8, 8, 16, 32, 32, 32), (640, 160, 40, 20, 20, 20)
    convolutions = sum(
        9 * before * after * place for before, after, place in zip((1, *channels), channels, places, strict=False)
    )
    folded, token = 2 * 32, 2 * units
    tokens = steps * ((folded + 1) * token + 16 * token)
    attention = steps * 4 * (token + 1) * token + 2 * steps**2 * token
    mlp = steps * ((token + 1) * 2 * token + (2 * token + 1) * token)

    def gru(inputs: int) -> int:
        return steps * 2 * 3 * (inputs * units + units * units + 2 * units)

    inside = {
        "gru": gru(folded),
        "transformer": tokens + attention + mlp,
        "transformer_gru": tokens + attention + mlp + gru(token),
    }[context]
    assert models.macs(network, 4 * steps, 16) == convolutions + inside + steps * (token + 1) * classes
