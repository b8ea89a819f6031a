"""8 bits inside, float32 at both ends: what is quantised, how it differs, and what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.export import front_end, quantisation
from audiotag.export.hard_swish import folded
from audiotag.export.litert_chain import chained
from audiotag.frontend import preset
from tests.export.runtimes import converter, onnx_model, run_litert, run_onnx

SAMPLES = 32_000
log_mel = front_end.log_mel(preset("efficientat"), SAMPLES)


@pytest.fixture(scope="module")
def network(clips) -> keras.Model:
    """Hard-swishes, squeezes and a residual, normalised by what the clips give, with logits that differ."""
    network = models.build("mn01", classes=5)
    draws = np.random.default_rng(7)
    for name, deviation in {"hidden": 0.1, "logits": 0.3}.items():
        kernel = network.get_layer(name).kernel
        kernel.assign(draws.normal(scale=deviation, size=kernel.shape))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(log_mel(clips), training=True)
    return folded(network)


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Noises of several levels and colours."""
    draws = np.random.default_rng(8)
    noise = draws.normal(size=(12, SAMPLES)) * np.geomspace(0.003, 0.3, 12)[:, None]
    noise[::2] = np.cumsum(noise[::2], axis=1) / 30
    return noise.astype(np.float32)


@pytest.fixture(scope="module")
def logits(network, clips) -> np.ndarray:
    return np.asarray(network(log_mel(clips), training=False))


def whole(network: keras.Model):
    def function(waveforms: tf.Tensor) -> tf.Tensor:
        spectrogram = log_mel(waveforms)
        with tf.name_scope("network"):
            logits = network(spectrogram, training=False)
        return tf.sigmoid(logits)

    return function


def assert_near(received: np.ndarray, logits: np.ndarray) -> None:
    """Scores lie nearer to the float ones than clips lie to each other, and are not the same."""
    expected = 1 / (1 + np.exp(-logits))
    assert 0 < np.abs(received - expected).mean() < 0.5 * expected.std(axis=0).mean()


def test_in_a_litert_file_the_network_alone_is_quantised(network, clips, logits) -> None:
    content = quantisation.litert(log_mel, lambda x: network(x, training=False), tf.sigmoid, clips)
    run = run_litert(content)
    assert_near(np.concatenate([run(clip[None]) for clip in clips]), logits)
    interpreter = Interpreter(model_content=content)
    kinds, operators = Counter(), interpreter._get_ops_details()
    types = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    for operator in operators:
        kinds[operator["op_name"], np.dtype(types[operator["outputs"][0]]).name] += 1
    assert kinds["BATCH_MATMUL", "float32"] and not kinds["BATCH_MATMUL", "int8"]
    assert kinds["CONV_2D", "int8"] and not kinds["CONV_2D", "float32"]
    assert not kinds["HARD_SWISH", "int8"] and kinds["LOGISTIC", "float32"] == 1
    interpreter.allocate_tensors()
    # XNNPACK takes everything but what is turned round at the edges.
    assert sum(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details()) <= 3


def test_in_an_onnx_file_the_network_alone_is_quantised(network, clips, logits, tmp_path: Path) -> None:
    import onnx

    plain, path = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    plain.write_bytes(onnx_model(whole(network), None, SAMPLES).SerializeToString())
    quantisation.onnx(plain, "network/", clips, path)
    assert_near(run_onnx(path.read_bytes())(clips), logits)
    assert path.stat().st_size < plain.stat().st_size
    weights = {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.INT8 in weights.values()


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (np.ones((3, 8), np.float32), "at least 8 clips .* received 3"),
        (np.zeros((9, 8), np.float32), "all 9 .* silent"),
    ],
)
def test_clips_that_show_no_range_are_refused(clips: np.ndarray, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        quantisation.litert(lambda x: x, lambda x: x, tf.sigmoid, clips)


def test_a_scope_without_nodes_is_refused(clips, tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    path.write_bytes(onnx_model(tf.sigmoid, None, SAMPLES).SerializeToString())
    with pytest.raises(AudiotagError, match="named network/"):
        quantisation.onnx(path, "network/", clips, tmp_path / "int8.onnx")


def test_models_in_a_chain_give_what_they_give_one_after_the_other() -> None:
    weights = np.random.default_rng(9).normal(size=(4, 3)).astype(np.float32)
    parts = [
        converter(lambda x: tf.nn.relu(x), 2, 4).convert(),
        converter(lambda x: tf.matmul(x, weights), 2, 4).convert(),
        converter(lambda x: tf.nn.softmax(x), 2, 3).convert(),
    ]
    x = np.random.default_rng(10).normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_allclose(run_litert(chained(parts))(x), tf.nn.softmax(np.maximum(x, 0) @ weights), atol=1e-6)


def test_parts_that_do_not_fit_are_refused() -> None:
    parts = [converter(lambda x: tf.nn.relu(x), 2, 4).convert(), converter(lambda x: tf.nn.relu(x), 2, 5).convert()]
    with pytest.raises(AudiotagError, match=r"received \[2, 4\] for \[2, 5\]"):
        chained(parts)
