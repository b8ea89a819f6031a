"""MN students: sizes, squeeze-and-excitation against NumPy, padding, and files that plain Keras opens."""

from __future__ import annotations

import keras
import numpy as np
import plain_keras
import pytest

from audiotag import models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.models import mn
from audiotag.models.blocks import make_divisible

# Those that no test of presets builds: test_presets.py holds the other networks to their published sizes.
TABLE = {
    "mn20": (17.91, 2.06),
    "mn30": (39.09, 4.55),
    "mn40": (68.43, 8.03),
}


def of_shapes(name: str, **options) -> keras.Model:
    """The model of a name with 527 classes, its weights known by shape alone."""
    with keras.StatelessScope(initialize_variables=False):
        return models.build(name, classes=527, **options)


@pytest.mark.parametrize("name", TABLE)
def test_parameters_and_macs_equal_the_published_table(name):
    model = of_shapes(name)
    millions, billions = TABLE[name]
    assert models.parameters(model) / 1e6 == pytest.approx(millions, abs=0.01)
    assert models.macs(model, 1000, 128) / 1e9 == pytest.approx(billions, abs=0.005)


@pytest.mark.parametrize(("value", "expected"), [(6.4, 8), (18.4, 24), (11.2, 16), (16, 16), (20, 24), (112 * 0.4, 48)])
def test_channels_are_multiples_of_eight_and_never_far_below(value, expected):
    assert make_divisible(value) == expected


array = keras.ops.convert_to_numpy


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.usefixtures("few_blocks")
@pytest.mark.parametrize(("fusion", "expected"), [("max", np.max), ("avg", np.mean), ("add", np.sum), ("min", np.min)])
def test_squeeze_excitation_gates_every_axis_and_fuses_as_asked(fusion, expected):
    model = models.build("mn01", classes=3, mels=32, frames=40, se_dims={"t", "c", "f"}, se_fusion=fusion)
    for weight in model.weights:
        if "squeeze" in weight.path:
            weight.assign(np.random.default_rng(len(weight.path)).normal(size=weight.shape))
    watched = [model.get_layer(f"block4_{part}").output for part in ("depthwise_activation", "squeeze_fusion")]
    spectrograms = np.random.default_rng(0).normal(size=(2, 40, 32, 1)).astype(np.float32)
    entered, left = map(array, keras.Model(model.input, watched)(spectrograms))
    gated = []
    for dim, axis in {"t": 1, "f": 2, "c": 3}.items():
        mean = entered.mean(axis=tuple({1, 2, 3} - {axis}))
        reduce, expand = (model.get_layer(f"block4_squeeze_{dim}_{part}") for part in ("reduce", "expand"))
        assert reduce.units == max(8, round(entered.shape[axis] / 4 / 8) * 8)
        hidden = np.maximum(mean @ array(reduce.kernel) + array(reduce.bias), 0)
        gate = sigmoid(hidden @ array(expand.kernel) + array(expand.bias))
        gated.append(entered * np.expand_dims(gate, tuple({1, 2, 3} - {axis})))
    np.testing.assert_allclose(left, expected(np.stack(gated), axis=0), atol=1e-5)


@pytest.mark.usefixtures("few_blocks")
def test_attention_pooling_is_a_weighted_mean_over_time():
    model = models.build("mn01", classes=3, head="multihead_attention_pooling", attention_heads=2)
    projection = model.get_layer("attention_projection")
    projection.kernel.assign(np.random.default_rng(1).normal(size=projection.kernel.shape))
    watched = keras.Model(model.input, [model.get_layer("last_activation").output, model.output])
    maps, logits = map(array, watched(np.random.default_rng(0).normal(size=(2, 70, 128, 1)).astype(np.float32)))
    projected = maps.mean(axis=2) @ array(projection.kernel)
    projected = projected.reshape(2, maps.shape[1], 2, 2, 3)
    attention = np.clip(sigmoid(projected[:, :, 0]), 1e-7, 1 - 1e-7)
    by_head = (attention * projected[:, :, 1]).sum(1) / attention.sum(1)
    np.testing.assert_allclose(logits, by_head.mean(axis=1), atol=1e-5)


def test_dilation_takes_the_place_of_the_last_stride():
    plain, dilated = models.build("mn01", classes=3), models.build("mn01", classes=3, dilated=True)
    spectrograms = np.zeros((1, 256, 128, 1), np.float32)
    maps = [
        keras.Model(model.input, model.get_layer("last_activation").output)(spectrograms).shape[1:3]
        for model in (plain, dilated)
    ]
    assert maps == [(8, 4), (16, 8)]
    assert dilated.get_layer("block14_depthwise_convolution").dilation_rate == (2, 2)
    assert models.parameters(plain) == models.parameters(dilated)


def test_one_network_takes_clips_of_any_length():
    model = models.build("mn01", classes=3)
    assert [model(np.zeros((2, frames, 128, 1), np.float32)).shape for frames in (33, 100)] == [(2, 3), (2, 3)]


def test_random_weights_have_the_published_spread():
    keras.utils.set_random_seed(1)
    model = models.build("mn10", classes=527)
    expand, depthwise = (model.get_layer(f"block13_{part}_convolution").kernel for part in ("expand", "depthwise"))
    assert np.std(array(expand)) == pytest.approx(np.sqrt(2 / 672), rel=0.02)
    assert np.std(array(depthwise)) == pytest.approx(np.sqrt(2 / (672 * 25)), rel=0.02)
    assert np.std(array(model.get_layer("logits").kernel)) == pytest.approx(0.01, rel=0.02)


def test_plain_keras_opens_the_files_where_audiotag_cannot_be_imported(kept_process, tmp_path, monkeypatch):
    options = (
        {"head": "multihead_attention_pooling", "attention_heads": 2, "dilated": True},
        {"se_dims": "cft", "se_fusion": "avg", "frames": 40},
    )
    labels = Labels(("a", "b", "c"))
    card = models.ModelCard("student", ClipFormat(labels, LogMelConfig(mels=32), "multiclass", 0.4))
    spectrograms = np.random.default_rng(0).normal(size=(2, 40, 32, 1)).astype(np.float32)
    plain = kept_process("tensorflow", audiotag=False)
    assert not plain.call(plain_keras.importable, "audiotag")
    for number, option in enumerate(options):
        if "dilated" not in option:  # which the last blocks are
            monkeypatch.setattr(mn, "BLOCKS", mn.BLOCKS[:7])
        model = models.build("mn01", classes=3, mels=32, **option)
        path = models.save(model, tmp_path / f"{number}.keras", card)
        (logits,) = plain.call(plain_keras.outputs, path, [spectrograms])
        np.testing.assert_allclose(logits, array(model(spectrograms)), atol=1e-5)


@pytest.mark.usefixtures("few_blocks")
def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        options = ({}, {"head": "fully_convolutional"}, {"head": "multihead_attention_pooling"})
        built = [models.build("mn01", classes=3, mels=32, **option) for option in options]
        built.append(models.build("passt", classes=3, mels=32, frames=64, width=16, depth=1, heads=2, patchout=2))
        spectrograms = np.zeros((2, 64, 32, 1), np.float32)
        assert {model(spectrograms, training=True).dtype.name for model in built} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("mn4", {}, "no model is named 'mn4': did you mean 'mn"),
        ("mn10_fc_s2231", {}, "did you mean 'mn10_fc_s2221'"),
        ("mn04", {"stride": (2, 2, 2, 1)}, "did you mean 'strides'"),
        ("mn04", {"strides": (2, 2, 3, 1)}, "four of 1 or 2, received (2, 2, 3, 1)"),
        ("mn04", {"head": "fully_conv"}, "did you mean 'fully_convolutional'"),
        ("mn04", {"se_dims": "cx"}, "letters of 'cft'"),
        ("mn04", {"se_dims": "ct"}, "give frames"),
        ("mn04", {"dropout": 1.0}, "dropout in 0 to 1"),
        ("mn04", {"classes": 0}, "at least 1, received 0"),
        ("mn04", {"width": "wide"}, "value of the wrong kind, received width='wide'"),
        ("mn04", {"strides": 2}, "value of the wrong kind, received strides=2"),
        ("mn00", {}, "positive multiplier"),
    ],
)
def test_a_network_that_cannot_be_is_one_line_of_error(name, options, told):
    with pytest.raises(AudiotagError) as raised:
        models.build(name, **{"classes": 3, **options})
    assert told in str(raised.value) and "\n" not in str(raised.value)
