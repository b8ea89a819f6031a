"""The head that keeps time: its poolings against their formulas in float64, inside an MN, and in mixed precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models import heads

array = keras.ops.convert_to_numpy


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def clip_logits(logits: np.ndarray, pooling: str, attention: np.ndarray | None) -> np.ndarray:
    """The poolings as arXiv 1810.09050 writes them, on probabilities, in float64; "mean_logit" on logits."""
    if pooling == "mean_logit":
        return logits.astype(np.float64).mean(axis=1)
    y, not_y = sigmoid(logits.astype(np.float64)), sigmoid(-logits.astype(np.float64))
    if pooling == "max":
        best = logits.argmax(axis=1)[:, None]
        y, not_y = np.take_along_axis(y, best, 1), np.take_along_axis(not_y, best, 1)
    weight = {"linear_softmax": y, "attention": None if attention is None else np.exp(attention)}.get(
        pooling, np.ones_like(y)
    )
    return np.log((weight * y).sum(1) / weight.sum(1)) - np.log((weight * not_y).sum(1) / weight.sum(1))


@pytest.mark.parametrize("pooling", heads.POOLINGS)
@pytest.mark.parametrize("spread", [0.1, 3.0, 60.0])
def test_clip_logits_are_those_of_the_pooled_probability_however_far_from_0(pooling, spread):
    rng = np.random.default_rng(0)
    logits, attention = (rng.normal(size=(3, 9, 4)).astype(np.float32) * scale for scale in (spread, 1.0))
    pooled = array(heads.pool(logits, pooling, attention))
    np.testing.assert_allclose(pooled, clip_logits(logits, pooling, attention), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("pooling", heads.POOLINGS)
def test_a_single_step_is_the_clip(pooling):
    logits = np.array([[[-40.0, -1.0, 0.0, 2.0, 40.0]]], np.float32)
    np.testing.assert_allclose(array(heads.pool(logits, pooling, logits + 3)), logits[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("few_blocks")
@pytest.mark.parametrize("pooling", heads.POOLINGS)
def test_an_mn_with_the_frames_head_reads_the_mean_over_frequency_of_every_step(pooling):
    keras.utils.set_random_seed(3)
    model = models.build("mn01", classes=3, mels=64, head="frames", pooling=pooling)
    parts = {layer.name: layer for layer in model.layers if layer.name in ("frame_logits", "frame_attention")}
    assert set(parts) == {"frame_logits", *(["frame_attention"] if pooling == "attention" else [])}
    for layer in parts.values():
        layer.kernel.assign(np.random.default_rng(1).normal(size=layer.kernel.shape))
    watched = keras.Model(model.input, [model.get_layer("last_activation").output, model.output])
    maps, logits = map(array, watched(np.random.default_rng(0).normal(size=(2, 70, 64, 1)).astype(np.float32)))
    assert maps.shape[1] == 5
    by_step = {name: maps.mean(axis=2) @ array(layer.kernel) + array(layer.bias) for name, layer in parts.items()}
    expected = clip_logits(by_step["frame_logits"], pooling, by_step.get("frame_attention"))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("few_blocks")
def test_frame_and_clip_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        spectrograms = np.zeros((2, 64, 32, 1), np.float32)
        built = [models.build("mn01", classes=3, mels=32, head="frames")]
        tiny = {"mels": 32, "frames": 64, "width": 8, "depth": 1, "heads": 2, "head": "frames"}
        built += [models.build("passt", classes=3, pooling=pooling, **tiny) for pooling in heads.POOLINGS]
        for model in built:
            both = keras.Model(model.input, [model.get_layer("frame_logits").output, model.output])
            assert {output.dtype.name for output in both(spectrograms, training=True)} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "frame"}, "did you mean 'frames'"),
        ({"head": "frames", "pooling": "linear_softmaks"}, "did you mean 'linear_softmax'"),
        ({"pooling": "average"}, "no pooling over time is named 'average'"),
    ],
)
def test_an_unknown_head_or_pooling_is_one_line_of_error(options, message):
    with pytest.raises(AudiotagError) as raised:
        models.build("mn01", classes=3, **options)
    assert message in str(raised.value) and "\n" not in str(raised.value)
