"""ONNX files: ordinary operators, any number of clips at a time, with the card and the labels among their metadata."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.export import front_end, onnx_weights, quantisation
from audiotag.export.function import SCOPE, WAVEFORM, Function
from audiotag.models.dynamic import DynamicDepthwise
from audiotag.scorers.exported import PROPERTY, Card
from audiotag.scorers.onnx import outputs_by_name

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["ANY_LENGTH", "BATCH", "LABELS", "PRECISIONS", "SUFFIX", "outputs_by_name", "write"]

PRECISIONS = ("float32", "float16", "dynamic", "int8")
SUFFIX = ".onnx"
BATCH = 8
ANY_LENGTH = False
LABELS = "labels"
"""Key of the metadata property that holds the names, a JSON list in the order of the scores."""

_OPSET = 17  # of 2022: what is newer is of no use here


def write(function: Function, precision: str, card: Card, path: Path, fitting: np.ndarray | None) -> None:
    """Write an ONNX file that takes any number of clips; of a DyMN one at a time.

    Args:
        function: what is exported.
        precision: of the network: "float32"; "float16" or "dynamic" (weights of 16 or 8 bits, which are computed with
            as float32); "int8" (weights and activations of 8 bits).
        card: what the file says about itself.
        path: the file.
        fitting: (clips, samples) float32, real clips by which "int8" takes the ranges of activations.

    Raises:
        AudiotagError: tf2onnx is not installed, a waveform of any length, or an operation that ONNX lacks.
    """
    # A DyMN convolves each clip with a kernel of its own, as channels of one picture, whose number ONNX must know.
    batch = 1 if any(isinstance(layer, DynamicDepthwise) for layer in function.network.layers) else None
    before, network = None, function.network
    if precision == "int8":
        before, network = quantisation.prepared(network, function.log_mel_of(fitting))
    whole = function.whole(_front_end(function), before, network=network)
    model = _converted(whole, function.spec(function.input, batch))
    if precision == "int8":
        model = _quantised(model, fitting if function.takes == WAVEFORM else function.log_mel_of(fitting))
    elif precision != "float32":
        onnx_weights.store_as(model, precision, SCOPE)
    if batch is None:
        for tensor in (*model.graph.input, *model.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    properties = {PROPERTY: card.to_json(), LABELS: json.dumps(card.labels.names, ensure_ascii=False)}
    for key, value in properties.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())


def _quantised(model: Any, clips: np.ndarray) -> Any:
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(model.SerializeToString())
        quantisation.onnx(before, SCOPE, clips, after)
        return onnx.load(after)


def _front_end(function: Function) -> Callable[[tf.Tensor], tf.Tensor] | None:
    if function.takes != WAVEFORM:
        return None
    if function.samples is None:
        raise AudiotagError(
            "an ONNX file takes waveforms of one length, received any length: give --seconds, or export it from log-mel"
        )
    return front_end.log_mel(function.tagger.front_end, function.samples)


def _converted(function: Callable[[tf.Tensor], dict[str, tf.Tensor]], spec: tf.TensorSpec) -> Any:
    """A function as an ONNX model."""
    try:
        import onnx.defs
        import tf2onnx
    except ImportError as error:
        raise AudiotagError(
            "ONNX files are written by tf2onnx, which is not here: pip install 'audiotag[onnx]'"
        ) from error
    import tensorflow as tf

    traced = tf.function(function, input_signature=[spec], autograph=False)
    logger = logging.getLogger("tf2onnx")
    kept = logger.level
    logger.setLevel(logging.CRITICAL)  # what it cannot convert it only logs: that is found below
    try:
        handlers = {"Erfc": (_erfc, [])}
        model, _ = tf2onnx.convert.from_function(traced, [spec], opset=_OPSET, custom_op_handlers=handlers)
    finally:
        logger.setLevel(kept)
    if lacking := sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)}):
        raise AudiotagError(
            f"an ONNX file holds ONNX' own operations, the network has {', '.join(lacking)}, which tf2onnx cannot make "
            "of them: export to another format, or build the network without"
        )
    for node in model.graph.node:
        # Where a convolution has taken up its normalisation, its name is a new one, that of its kernel is not.
        if node.op_type == "Conv" and node.input[1].startswith(SCOPE) and not node.name.startswith(SCOPE):
            node.name = SCOPE + node.name
    return model


def _erfc(graph: Any, node: Any, name: str, arguments: list) -> None:
    """What an exact GELU is made of in TensorFlow, 1 - erf(x), which tf2onnx does not know."""
    node.type = "Erf"
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    graph.insert_new_node_on_output("Sub", node.output[0], f"{name}_from_one", [one.output[0], node.output[0]])
