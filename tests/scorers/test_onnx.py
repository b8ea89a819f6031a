"""ONNX files: a network written here byte by byte (the format is protobuf), since exporters are heavy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from audiotag import AudiotagError, scorers

WEIGHTS = np.random.default_rng(5).normal(size=(16, 3)).astype(np.float32)
FLOAT, INT64 = 1, 7


def field(number: int, value: int | bytes | str) -> bytes:
    """A field of a protobuf message: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def node(kind: str, inputs: Sequence[str], output: str) -> bytes:
    return field(1, b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind))


def tensor(name: str, values: np.ndarray) -> bytes:
    kind = FLOAT if values.dtype == np.float32 else INT64
    dims = b"".join(field(1, size) for size in values.shape)
    return field(5, dims + field(2, kind) + field(8, name) + field(9, values.tobytes()))


def described(number: int, name: str, shape: Sequence[int | str]) -> bytes:
    """An input (11) or output (12) of the graph; a size that is a text is free."""
    sizes = b"".join(field(1, field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return field(number, field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, sizes))))


def write_model(path: Path, batch: int | str = "batch", outputs: int = 1) -> Path:
    """Mean over 10 frames of log-mel (batch, 10, 16, 1), times weights (opset 18 of onnx.proto)."""
    graph = [
        node("ReduceMean", ["log_mel", "axes"], "mean"),
        node("Reshape", ["mean", "shape"], "flat"),
        node("MatMul", ["flat", "weights"], "logits"),
        field(2, "small"),
        tensor("axes", np.array([1], np.int64)),
        tensor("shape", np.array([-1, 16], np.int64)),
        tensor("weights", WEIGHTS),
        described(11, "log_mel", [batch, 10, 16, 1]),
        described(12, "logits", [batch, 3]),
        *([described(12, "flat", [batch, 16])] if outputs == 2 else []),
    ]
    opset = field(8, field(1, "") + field(2, 18))
    path.write_bytes(field(1, 8) + field(7, b"".join(graph)) + opset)
    return path


@pytest.mark.parametrize("batch", ["batch", 1, 4])
def test_an_onnx_file_gives_what_its_weights_give(data, log_mel_of, tmp_path, batch) -> None:
    path = write_model(tmp_path / "theirs.onnx", batch)
    found = scorers.predict(scorers.open(path, data), data, "test", batch_size=4)
    log_mel = log_mel_of(found.predictions.clip_ids.tolist())[..., 0].astype(np.float64)
    np.testing.assert_allclose(found.predictions.scores, softmax(log_mel.mean(1) @ WEIGHTS, axis=1), atol=1e-5)
    assert (found.subject.name, found.subject.kind) == ("theirs", "ONNX model")


def test_an_onnx_file_with_two_outputs_is_refused(data, tmp_path) -> None:
    with pytest.raises(AudiotagError, match=r"one output, theirs has 2 \(logits, flat\)"):
        scorers.open(write_model(tmp_path / "theirs.onnx", outputs=2), data)


def test_without_onnx_runtime_the_error_says_what_to_install(data, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(AudiotagError, match="pip install onnxruntime"):
        scorers.open(write_model(tmp_path / "theirs.onnx"), data)
