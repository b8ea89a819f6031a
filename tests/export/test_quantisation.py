"""8 bits inside, float32 at both ends: what is quantised in a file of either format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from onnx import TensorProto, numpy_helper

from audiotag import audio, models
from audiotag.errors import AudiotagError
from audiotag.export import Form, export, formats, quantisation
from audiotag.labels import Labels
from audiotag.models import mn
from audiotag.tagging import AudioTagger
from tests.export.runtimes import onnx_model, run_litert, run_onnx

SAMPLES, RATE = 32_000, 32_000


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Noises of several levels and colours."""
    draws = np.random.default_rng(8)
    noise = draws.normal(size=(40, SAMPLES)) * np.geomspace(0.003, 0.3, 40)[:, None]
    noise[::2] = np.cumsum(noise[::2], axis=1) / 30
    return np.clip(noise, -1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def source(clips: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """A tagger with hard-swishes, squeezes and residuals, normalised by the clips; the clips as files; its scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mn, "BLOCKS", [mn.BLOCKS[index] for index in (0, 3, 6, 10, 11)])
        network, draws = models.build("mn01", classes=5), np.random.default_rng(7)
    for name, deviation in {"hidden": 0.1, "logits": 0.05}.items():
        kernel = network.get_layer(name).kernel
        kernel.assign(draws.normal(scale=deviation, size=kernel.shape))
    tagger = AudioTagger(network, Labels(tuple("abcde")), seconds=SAMPLES / RATE)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(tagger.log_mel(clips), training=True)
    folder = tmp_path_factory.mktemp("quantised")
    for number, clip in enumerate(clips):
        audio.write(folder / "sounds" / f"{number:02}.wav", clip, RATE)
    return models.save(tagger, folder / "tagger.keras"), folder / "sounds", tagger(clips).numpy()


def assert_near(received: np.ndarray, expected: np.ndarray) -> None:
    """Scores lie nearer to the float ones than clips lie to each other, and are not the same.

    Random weights lose 0.17 of that distance in both runtimes.
    """
    assert 0 < np.abs(received - expected).mean() < 0.35 * expected.std(axis=0).mean()


def test_in_a_litert_file_the_network_alone_is_quantised(source, clips, tmp_path: Path) -> None:
    tagger, sounds, scores = source
    content = export(tagger, Form("litert", "int8"), tmp_path / "x.tflite", clips=sounds).path.read_bytes()
    run = run_litert(content)
    assert_near(np.concatenate([run(clip[None]) for clip in clips]), scores)
    interpreter = Interpreter(model_content=content)
    kinds, operators = Counter(), interpreter._get_ops_details()
    types = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    for operator in operators:
        kinds[operator["op_name"], np.dtype(types[operator["outputs"][0]]).name] += 1
    assert kinds["BATCH_MATMUL", "float32"] and not kinds["BATCH_MATMUL", "int8"]
    # The stem and the first block are float32: two convolutions and a depthwise one.
    assert kinds["CONV_2D", "int8"] and kinds["CONV_2D", "float32"] == 2
    assert kinds["DEPTHWISE_CONV_2D", "int8"] and kinds["DEPTHWISE_CONV_2D", "float32"] == 1
    assert not kinds["HARD_SWISH", "int8"] and kinds["LOGISTIC", "float32"] == 1
    interpreter.allocate_tensors()
    # XNNPACK takes everything but what is turned round at the edges.
    assert sum(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details()) <= 3


def test_in_an_onnx_file_the_network_alone_is_quantised(source, clips, tmp_path: Path) -> None:
    tagger, sounds, scores = source
    path = export(tagger, Form("onnx", "int8"), tmp_path / "int8.onnx", clips=sounds).path
    assert_near(run_onnx(path.read_bytes())(clips), scores)
    sizes = Counter()
    for tensor in onnx.load(path).graph.initializer:
        sizes[tensor.data_type] += int(np.prod(tensor.dims))
    assert sizes[onnx.TensorProto.INT8] > 0.6 * keras.saving.load_model(tagger).network.count_params()
    assert sizes[onnx.TensorProto.FLOAT] > 10_000  # the products of the front end


def test_rounded_weights_move_no_mean() -> None:
    entry = keras.Input((None, 8, 1))
    x = layers.Conv2D(6, 3, use_bias=False, name="a")(entry)
    x = layers.BatchNormalization(name="a_normalization")(x)
    x = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, name="b")(x)
    network = keras.Model(entry, layers.Dense(4, "sigmoid", name="c")(layers.GlobalAveragePooling2D()(x)))
    draws = np.random.default_rng(2)
    for weight in network.weights:
        weight.assign(draws.normal(size=weight.shape) ** 2 + 0.1)
    log_mel = draws.normal(size=(9, 20, 8, 1)).astype(np.float32) + 0.5
    before, prepared = quantisation.prepared(network, log_mel)
    assert before is None
    rounded = {"a": (0, 1, 2), "b": (0, 1), "c": (0,)}
    for name, others in rounded.items():
        kernel = prepared.get_layer(name).kernel
        scale = np.abs(kernel).max(axis=others, keepdims=True) / 127
        kernel.assign(np.round(kernel / scale) * scale)

    def mean(model: keras.Model, of: str, given: str | None) -> np.ndarray:
        """Of a layer's output by channel, where the layers before it are those of the float network."""
        layer = model.get_layer(of)
        inputs = log_mel if given is None else keras.Model(network.input, network.get_layer(given).output)(log_mel)
        output = keras.Model(model.get_layer(of if given else "a").input, layer.output)(inputs)
        if layer.name == "c":
            output = np.log(output / (1 - output))
        return np.mean(output, axis=tuple(range(output.ndim - 1)))

    for of, given in (("a_normalization", None), ("b", "re_lu"), ("c", "global_average_pooling2d")):
        given = given and next(layer.name for layer in network.layers if layer.name.startswith(given))
        np.testing.assert_allclose(mean(prepared, of, given), mean(network, of, given), rtol=2e-5, err_msg=of)
    assert not np.array_equal(prepared.get_layer("b").bias, network.get_layer("b").bias)


def test_a_scope_without_nodes_is_refused(clips: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    path.write_bytes(onnx_model(tf.sigmoid, None, SAMPLES).SerializeToString())
    with pytest.raises(AudiotagError, match="named network/"):
        quantisation.onnx(path, "network/", clips, tmp_path / "int8.onnx")


def test_an_onnx_file_in_float16_is_the_float32_one_with_its_weights_rounded(source, clips, tmp_path: Path) -> None:
    models = {}
    for precision in ("float32", "float16"):
        models[precision] = onnx.load(export(source[0], Form("onnx", precision), tmp_path / f"{precision}.onnx").path)
    plain = run_basic(models["float32"], clips)
    kept = [tensor for tensor in models["float16"].graph.initializer if tensor.data_type == TensorProto.FLOAT16]
    stored = {numpy_helper.to_array(tensor).tobytes() for tensor in kept}
    rounded = 0
    for tensor in models["float32"].graph.initializer:
        if np.prod(tensor.dims) < 256:
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        if half.tobytes() in stored:
            tensor.CopyFrom(numpy_helper.from_array(half.astype(np.float32), tensor.name))
            rounded += 1
    assert rounded == len(kept) >= 11  # of five blocks, the stem and the head
    received = run_basic(models["float16"], clips)
    np.testing.assert_allclose(received, run_basic(models["float32"], clips), atol=1e-6)
    assert np.abs(received - plain).max() > 5e-6


def test_an_onnx_file_in_dynamic_stores_weights_of_eight_bits(source, clips, tmp_path: Path) -> None:
    tagger, sounds, scores = source
    model = onnx.load(export(tagger, Form("onnx", "dynamic"), tmp_path / "x.onnx", clips=sounds).path)
    stored = sum(
        tensor.data_type == TensorProto.INT8 and np.prod(tensor.dims) >= 256 for tensor in model.graph.initializer
    )
    rounded = keras.saving.load_model(tagger)
    kernels = [layer.kernel for layer in rounded.network.layers if hasattr(layer, "kernel")]
    large = [kernel for kernel in kernels if np.prod(kernel.shape) >= 256]
    assert stored >= len(large) > 10
    for kernel in large:
        values = np.asarray(kernel)
        depthwise = values.shape[-1] == 1 and values.ndim == 4
        step = np.abs(values).max(axis=(0, 1) if depthwise else tuple(range(values.ndim - 1)), keepdims=True) / 127
        kernel.assign(np.round(values / step) * step)
    received = run_basic(model, clips)
    np.testing.assert_allclose(received, rounded(clips).numpy(), atol=2e-6)
    assert np.abs(received - scores).max() > 1e-4


def run_basic(model: onnx.ModelProto, clips: np.ndarray) -> np.ndarray:
    """Scores of a file as it is written: at its best the runtime rounds what dense layers take too."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"waveform": clips})[0]


@pytest.mark.parametrize("to", ["litert", "onnx"])
def test_recurrent_layers_in_eight_bits_are_refused_where_a_quantiser_would_end_the_process(
    clips, tmp_path, to
) -> None:
    entry = keras.Input((None, 128, 1))
    steps = layers.Reshape((-1, 8))(layers.AveragePooling2D((1, 16))(entry))
    network = keras.Model(entry, layers.Dense(5)(layers.GRU(4, name="gru")(steps)), name="recurrent")
    tagger = AudioTagger(network, Labels(tuple("abcde")), seconds=SAMPLES / RATE)
    for number, clip in enumerate(clips):
        audio.write(tmp_path / "sounds" / f"{number:02}.wav", clip, RATE)
    source = models.save(tagger, tmp_path / "tagger.keras")
    out = tmp_path / f"x{formats.load(to).SUFFIX}"
    with pytest.raises(AudiotagError, match="no recurrent layers in 8 bits, recurrent has gru"):
        export(source, Form(to, "int8"), out, clips=tmp_path / "sounds")
    assert not out.exists()
