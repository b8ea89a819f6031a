"""A function of TensorFlow in the runtimes that an export is for, each on one thread."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from ai_edge_litert.interpreter import Interpreter

Run = Callable[[np.ndarray], np.ndarray]


def litert(function: Callable, *shape: int) -> Run:
    """Converted to LiteRT's built-in operators: the converter refuses what is none of them."""
    return run_litert(converter(function, *shape).convert())


def converter(function: Callable, *shape: int) -> tf.lite.TFLiteConverter:
    traced = tf.function(function, input_signature=[tf.TensorSpec(shape)], autograph=False)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()])


def run_litert(content: bytes) -> Run:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(batch: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(entry, batch)
        interpreter.invoke()
        return interpreter.get_tensor(end)

    return run


def onnx(function: Callable, *shape: int | None) -> Run:
    """Converted to ONNX: the runtime refuses to load an operator that it does not know."""
    return run_onnx(onnx_model(function, *shape).SerializeToString())


def onnx_model(function: Callable, *shape: int | None) -> tf2onnx.onnx_proto.ModelProto:
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    signature = [tf.TensorSpec(shape, name="input")]
    traced = tf.function(function, input_signature=signature, autograph=False)
    return tf2onnx.convert.from_function(traced, signature, opset=17)[0]


def run_onnx(content: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {session.get_inputs()[0].name: batch})[0]
