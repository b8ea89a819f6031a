"""DyMN: sizes, each dynamic layer against NumPy, lengths, precision, files."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.dynamic import DynamicConvolution, DynamicDepthwise, DynamicPointwise, DynamicReLU

array = keras.ops.convert_to_numpy
# parameters in millions, running statistics among them as in the published count; MACs in thousand millions
TABLE = {"dymn04": (1.97, 0.12), "dymn20": (40.02, 2.2)}


def of_shapes(name: str, **options) -> keras.Model:
    with keras.StatelessScope(initialize_variables=False):
        return models.build(name, classes=527, **options)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def dynamic_layers(model: keras.Model) -> list[DynamicConvolution]:
    return [layer for layer in model.layers if isinstance(layer, DynamicConvolution)]


def stirred(layer: keras.layers.Layer, *inputs: np.ndarray) -> keras.layers.Layer:
    """The layer, built, with weights that matter."""
    layer.build([array.shape for array in inputs])
    for weight in layer.trainable_weights:
        weight.assign(noise(*weight.shape) if "bias" not in weight.name else 0.1 * noise(*weight.shape))
    return layer


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def mixed(layer: DynamicConvolution, context: np.ndarray) -> np.ndarray:
    """Each example's kernel."""
    scores = context @ array(layer.attention_kernel) + array(layer.attention_bias)
    return np.tensordot(softmax(scores / float(layer.temperature)), array(layer.kernel), 1)


@pytest.mark.parametrize("name", TABLE)
def test_parameters_and_macs_equal_the_published_table(name):
    model = of_shapes(name)
    millions, billions = TABLE[name]
    running = sum(math.prod(weight.shape) for weight in model.weights if weight.name.startswith("moving_"))
    assert (models.parameters(model) + running) / 1e6 == pytest.approx(millions, abs=0.005)
    assert models.macs(model, 1000, 128) / 1e9 == pytest.approx(billions, abs=0.05 if billions > 1 else 0.005)


def test_trained_parameters_are_those_that_pytorch_counts(shared):
    golden = np.load(shared("golden/dymn04_as_io.npz"))
    assert models.parameters(of_shapes("dymn04")) == int(golden["parameters"])


@pytest.mark.parametrize("temperature", [1.0, 30.0])
def test_a_pointwise_convolution_multiplies_by_the_mixture_of_kernels(temperature):
    x, context = noise(3, 5, 4, 6), 3 * noise(3, 7)
    layer = stirred(DynamicPointwise(9, temperature=temperature), x, context)
    expected = np.stack([place @ kernel for place, kernel in zip(x, mixed(layer, context), strict=True)])
    np.testing.assert_allclose(array(layer([x, context])), expected, atol=1e-4)


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_a_depthwise_convolution_slides_the_mixture_of_kernels(size, stride):
    x, context = noise(3, 11, 8, 6), 3 * noise(3, 7)
    layer = stirred(DynamicDepthwise(size, stride), x, context)
    edge, kernels = size // 2, mixed(layer, context)
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    frames, mels = range(0, 11, stride), range(0, 8, stride)
    expected = np.array(
        [
            [[(padded[i, t : t + size, f : f + size] * kernels[i]).sum((0, 1)) for f in mels] for t in frames]
            for i in range(3)
        ]
    )
    found = array(layer([x, context]))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert layer.compute_output_shape([x.shape, context.shape]) == found.shape
    assert layer.compute_output_shape([(None, None, 8, 6), (None, 7)]) == (None, None, -(-8 // stride), 6)


def test_the_dynamic_relu_takes_the_greater_of_two_lines():
    x, context = 2 * noise(3, 5, 4, 6), noise(3, 7)
    layer = stirred(DynamicReLU(), x, context)
    theta = 2 / (1 + np.exp(-(context @ array(layer.kernel) + array(layer.bias)))) - 1
    slope1, slope2, offset1, offset2 = theta.reshape(3, 4, 1, 1, 6).swapaxes(0, 1)
    expected = np.maximum((1 + slope1) * x + offset1 / 2, slope2 * x + offset2 / 2)
    np.testing.assert_allclose(array(layer([x, context])), expected, atol=1e-5)


def test_a_new_dynamic_relu_is_nearly_a_plain_one():
    x = noise(3, 5, 4, 6)
    np.testing.assert_allclose(array(DynamicReLU()([x, noise(3, 7)])), np.maximum(x, 0), atol=0.15)


def test_a_high_temperature_evens_the_mixture_out():
    x, context = noise(3, 5, 4, 6), 3 * noise(3, 7)
    layer = stirred(DynamicPointwise(9), x, context)
    mean = x @ array(layer.kernel).mean(0)
    apart = np.abs(array(layer([x, context])) - mean).max()
    layer.temperature.assign(1e6)
    assert np.abs(array(layer([x, context])) - mean).max() < 1e-3 < apart


def test_only_the_blocks_that_squeeze_in_an_mn_are_dynamic_where_asked():
    model, whole = of_shapes("dymn01_replace_se", mels=32), of_shapes("dymn01", mels=32)
    assert {layer.name.split("_")[0] for layer in dynamic_layers(model)} == {
        f"block{number}" for number in (4, 5, 6, 11, 12, 13, 14, 15)
    }
    assert {layer.name.split("_")[0] for layer in dynamic_layers(whole)} == {f"block{n}" for n in range(1, 16)}


@pytest.mark.usefixtures("few_blocks")
def test_one_network_takes_clips_of_any_length_and_number_also_in_a_graph():
    import tensorflow

    model = models.build("dymn01", classes=3, mels=33)
    anything = [tensorflow.TensorSpec((None, None, 33, 1))]
    graph = tensorflow.function(lambda x: model(x, training=False), input_signature=anything)
    for batch, frames in ((1, 33), (3, 100), (2, 47)):
        clips = noise(batch, frames, 33, 1)
        together = graph(clips)
        alone = np.concatenate([model(clip[None]) for clip in clips])
        np.testing.assert_allclose(together, alone, atol=1e-5)


def test_xla_computes_the_same():
    import tensorflow

    x, context = noise(2, 9, 8, 16), noise(2, 8)
    spectrogram, vector = keras.Input((None, 8, 16)), keras.Input((8,))
    y = DynamicPointwise(24)([DynamicDepthwise(5, 2)([spectrogram, vector]), vector])
    model = keras.Model([spectrogram, vector], DynamicReLU()([y, vector]))
    compiled = tensorflow.function(lambda *inputs: model(list(inputs)), jit_compile=True)
    np.testing.assert_allclose(compiled(x, context), model([x, context]), atol=1e-5)


def test_random_weights_have_the_published_spread():
    keras.utils.set_random_seed(1)
    model = models.build("dymn10", classes=527)
    spreads = {"expand": 2 / 672, "depthwise": 2 / (672 * 25), "project": 2 / 160}
    for part, variance in spreads.items():
        kernel = array(model.get_layer(f"block13_{part}_convolution").kernel)
        assert kernel.shape[0] == 4
        assert np.std(kernel) == pytest.approx(math.sqrt(variance), rel=0.02)
    assert np.std(array(model.get_layer("block13_context_mels").kernel)) == pytest.approx(math.sqrt(2 / 672), rel=0.02)
    assert np.std(array(model.get_layer("block13_depthwise_activation").kernel)) == pytest.approx(0.01, rel=0.02)


@pytest.mark.slow
def test_a_saved_dymn_opens_with_the_same_outputs_and_temperature(tmp_path):
    model = models.build("dymn01", classes=3, mels=32, temperature=30.0, replace_se=True, strides=(1, 2, 2, 1))
    for layer in dynamic_layers(model):
        layer.temperature.assign(7.5)
    model.save(tmp_path / "dymn.keras")
    opened = keras.saving.load_model(tmp_path / "dymn.keras")
    assert {float(layer.temperature) for layer in dynamic_layers(opened)} == {7.5}
    clips = noise(2, 40, 32, 1)
    np.testing.assert_allclose(opened(clips), model(clips), atol=1e-6)
    again = models.build(
        "dymn01", classes=3, mels=32, weights=tmp_path / "dymn.keras", replace_se=True, strides=(1, 2, 2, 1)
    )
    np.testing.assert_allclose(again(clips), model(clips), atol=1e-6)


def test_published_weights_leave_the_temperature_as_built(shared, published):
    cool = models.build("dymn04", classes=527, weights=shared("golden/dymn04_as.safetensors"), temperature=1.0)
    for model, temperature in ((cool, 1.0), (published("dymn04_as"), 30.0)):
        assert {float(layer.temperature) for layer in dynamic_layers(model)} == {temperature}


def test_a_tensor_of_another_block_is_named(shared, published):
    state = models.load_state_dict(shared("golden/dymn04_as.safetensors"))
    state["layers.3.depth_conv.weight"] = state["layers.2.depth_conv.weight"]
    state["layers.20.depth_act.lambdas"] = np.ones(4, np.float32)
    del state["layers.7.context_gen.conv_t.bias"]
    with pytest.raises(AudiotagError) as raised:
        models.convert(state, published("dymn04_as"))
    message = str(raised.value)
    assert "misshaped layers.3.depth_conv.weight (needs (1, 1, 4, 800), received (1, 1, 4, 288))" in message
    assert "extra layers.20.depth_act.lambdas" in message
    assert "missing layers.7.context_gen.conv_t.bias" in message


@pytest.mark.usefixtures("few_blocks")
def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.build("dymn01", classes=3, mels=32)
        logits = model(noise(2, 40, 32, 1), training=True)
        assert logits.dtype.name == "float32"
        assert np.isfinite(array(logits)).all()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": (2, 2, 3, 1)}, "four of 1 or 2, received (2, 2, 3, 1)"),
        ({"head": "mpl"}, "did you mean 'mlp'"),
        ({"temperature": 0.0}, "positive, 1 or more as a rule, received 0.0"),
        ({"temprature": 2.0}, "did you mean 'temperature'"),
        ({"width": -1.0}, "positive multiplier"),
        ({"dropout": 1.0}, "dropout in 0 to 1"),
    ],
)
def test_a_dymn_that_cannot_be_is_one_line_of_error(options, message):
    with pytest.raises(AudiotagError) as raised:
        models.build("dymn04", classes=3, **options)
    assert message in str(raised.value) and "\n" not in str(raised.value)
