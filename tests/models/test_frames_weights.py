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


def features(network: keras.Model, layer: str, spectrograms: np.ndarray) -> np.ndarray:
    """What a layer gives."""
    return array(keras.Model(network.input, network.get_layer(layer).output)(spectrograms))


@pytest.mark.parametrize(
    ("name", "case", "options", "body", "classes"),
    [
        ("mn04", "mn04_as", {}, "last_activation", 4),
        # As many classes as the file has: its head is no less another.
        ("mn01_fc_s2211", "mn01_fc_s2211", {}, "last_activation", 50),
        ("mn01", "mn01_mhap", {}, "last_activation", 527),
        ("dymn04", "dymn04_as", {"temperature": 30.0}, "last_activation", 527),
        ("passt", "passt_tiny", PASST, "block3_mlp_add", 4),
    ],
)
def test_published_weights_load_under_a_frames_head(shared, published, name, case, options, body, classes):
    weights = shared(f"golden/{case}.safetensors")
    spectrograms = np.random.default_rng(0).normal(size=(1, 120, 128, 1)).astype(np.float32)
    expected = features(published(case), body, spectrograms)
    network = models.build(name, classes=classes, weights=weights, new_head=True, head="frames", **options)
    np.testing.assert_allclose(features(network, body, spectrograms), expected, atol=1e-5)
    assert network.output_shape == (None, classes)


@pytest.mark.usefixtures("few_blocks")
@pytest.mark.parametrize(
    "head",
    [
        "mlp",
        pytest.param("fully_convolutional", marks=pytest.mark.slow),
        pytest.param("multihead_attention_pooling", marks=pytest.mark.slow),
    ],
)
def test_a_student_s_file_loads_under_a_frames_head(tmp_path, head):
    student = models.build("mn01", classes=3, mels=32, head=head)
    student.save(tmp_path / "student.keras")
    options = {"classes": 3, "mels": 32, "head": "frames", "weights": tmp_path / "student.keras"}
    network = models.build("mn01", new_head=True, **options)
    ours, theirs = (array(each.get_layer("last_convolution").kernel) for each in (network, student))
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

    gates = steps * (token + 1) * folded
    inside = {
        "gru": gru(folded),
        "transformer": tokens + attention + mlp + gates,
        "transformer_gru": tokens + attention + mlp + gru(token) + gates,
    }[context]
    heard = token if context == "gru" else folded
    assert models.macs(network, 4 * steps, 16) == convolutions + inside + steps * (heard + 1) * classes
