"""LiteRT (TensorFlow Lite) files, quantised ones too."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers import exported
from audiotag.scorers.foreign import Foreign, check_one_each, file_size
from audiotag.scorers.scorer import Scorer
from audiotag.startup import no_chatter, processors


def open(path: Path) -> Foreign | Scorer:
    """A `.tflite` file, by `ai_edge_litert` where it is installed, else by TensorFlow.

    Returns:
        A scorer of what audiotag exported, which says everything about itself; of anything else what its file says.

    Raises:
        AudiotagError: no such file, no LiteRT model, several inputs or outputs, or types that are not supported.
    """
    interpreter, card = _interpreter(path), exported.at_the_end_of(path)
    about = {"file": file_size(path)}
    if card is not None:
        takes, run = _by_name(path, interpreter)
        batch = int(takes["shape_signature"][0])
        return exported.scorer(card, "LiteRT model", path, run, None if batch < 0 else batch, about)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    check_one_each(path.stem, [tensor["name"] for tensor in inputs], [tensor["name"] for tensor in outputs])
    shape = tuple(None if size < 0 else int(size) for size in inputs[0]["shape_signature"])
    run = _runner(path, interpreter, inputs[0], {"": outputs[0]})
    types = {np.dtype(tensor["dtype"]).name for tensor in (inputs[0], outputs[0])}
    about = {"tensors in and out": " and ".join(sorted(types)), **about}
    classes = next((int(size) for size in outputs[0]["shape_signature"][-1:] if size > 0), None)
    return Foreign(path.stem, "LiteRT model", path, shape, classes, lambda batch: run(batch)[""], about)


def outputs_by_name(path: Path) -> exported.Run:
    """All outputs of a `.tflite` file that audiotag exported."""
    return _by_name(path, _interpreter(path))[1]


def _by_name(path: Path, interpreter: Any) -> tuple[dict[str, Any], exported.Run]:
    """The input of a file's signature, and the function from it to the outputs by name."""
    signature = interpreter.get_signature_runner()
    (takes,) = signature.get_input_details().values()
    return takes, _runner(path, interpreter, takes, signature.get_output_details())


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = _of_tensorflow
    try:
        interpreter = Interpreter(str(path), num_threads=processors())
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{path} cannot be opened as a LiteRT model ({reason}): export it again") from error
    return interpreter


def _of_tensorflow(*arguments: Any, **options: Any) -> Any:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it moves to ai_edge_litert
        return tf.lite.Interpreter(*arguments, **options)


def _runner(path: Path, interpreter: Any, takes: dict[str, Any], gives: dict[str, dict[str, Any]]) -> exported.Run:
    """Inputs float32 to outputs by name; memory is laid out anew for a shape other than the last one.

    Every thread has an interpreter of its own, made where it is first needed; this one is the caller's.
    """
    into, out_of = _quantisation(takes), {name: _quantisation(tensor) for name, tensor in gives.items()}
    of_thread = threading.local()
    of_thread.interpreter, of_thread.shape = interpreter, None

    def run(batch: np.ndarray) -> dict[str, np.ndarray]:
        if not hasattr(of_thread, "interpreter"):
            of_thread.interpreter, of_thread.shape = _interpreter(path), None
        interpreter = of_thread.interpreter
        # Where a size is free, the file's shape is a stand-in that may be too small for the network.
        if of_thread.shape != batch.shape:
            interpreter.resize_tensor_input(takes["index"], batch.shape)
            with no_chatter():  # "Created TensorFlow Lite XNNPACK delegate"
                interpreter.allocate_tensors()
            of_thread.shape = batch.shape
        if into is not None:
            scale, zero = into
            limits = np.iinfo(takes["dtype"])
            batch = np.clip(np.rint(batch / scale) + zero, limits.min, limits.max)
        interpreter.set_tensor(takes["index"], batch.astype(takes["dtype"]))
        interpreter.invoke()
        values = {name: interpreter.get_tensor(tensor["index"]) for name, tensor in gives.items()}
        return {
            name: value if (scaling := out_of[name]) is None else scaling[0] * (value.astype(np.float64) - scaling[1])
            for name, value in values.items()
        }

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
