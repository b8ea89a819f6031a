"""LiteRT (TensorFlow Lite) files, quantised ones too."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers.foreign import Foreign, check_one_each, file_size

THREADS = os.cpu_count() or 1


def open(path: Path) -> Foreign:
    """A `.tflite` file, by `ai_edge_litert` where it is installed, else by TensorFlow.

    Raises:
        AudiotagError: no such file, no LiteRT model, several inputs or outputs, or types that are not supported.
    """
    interpreter = _interpreter(path)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    check_one_each(path.stem, [tensor["name"] for tensor in inputs], [tensor["name"] for tensor in outputs])
    shape = tuple(None if size < 0 else int(size) for size in inputs[0]["shape_signature"])
    run = _runner(interpreter, inputs[0], outputs[0])
    types = {np.dtype(tensor["dtype"]).name for tensor in (inputs[0], outputs[0])}
    about = {"tensors in and out": " and ".join(sorted(types)), "file": file_size(path)}
    classes = next((int(size) for size in outputs[0]["shape_signature"][-1:] if size > 0), None)
    return Foreign(path.stem, "LiteRT model", path, shape, classes, run, about)


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow says that its interpreter moves to ai_edge_litert
            interpreter = Interpreter(str(path), num_threads=THREADS)
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{path} cannot be opened as a LiteRT model ({reason}): export it again") from error
    return interpreter


def _runner(interpreter: Any, takes: dict[str, Any], gives: dict[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Inputs float32 to outputs; memory is laid out anew for a shape other than the last one."""
    into, out_of = _quantisation(takes), _quantisation(gives)
    # Where a size is free, the file's shape is a stand-in that may be too small for the network.
    last: list[tuple[int, ...]] = []

    def run(batch: np.ndarray) -> np.ndarray:
        if last != [batch.shape]:
            interpreter.resize_tensor_input(takes["index"], batch.shape)
            interpreter.allocate_tensors()
            last[:] = [batch.shape]
        if into is not None:
            scale, zero = into
            limits = np.iinfo(takes["dtype"])
            batch = np.clip(np.rint(batch / scale) + zero, limits.min, limits.max)
        interpreter.set_tensor(takes["index"], batch.astype(takes["dtype"]))
        interpreter.invoke()
        values = interpreter.get_tensor(gives["index"])
        return values if out_of is None else out_of[0] * (values.astype(np.float64) - out_of[1])

    return run


def _quantisation(tensor: dict[str, Any]) -> tuple[float, int] | None:
    """Scale and zero point of a tensor of whole numbers; None of floats.

    real = scale * (quantised - zero point): the LiteRT 8-bit quantisation specification.
    """
    if np.issubdtype(tensor["dtype"], np.floating):
        return None
    scale, zero = tensor["quantization"]
    if not scale:
        raise AudiotagError(
            f"a tensor of whole numbers needs a scale, {tensor['name']} ({np.dtype(tensor['dtype']).name}) has none: "
            "convert the model again"
        )
    return float(scale), int(zero)
