"""LiteRT files: one flatbuffer of built-in operators, with its labels and its card in an archive at its end."""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.export import front_end, quantisation
from audiotag.export.freezing import frozen
from audiotag.export.function import LOG_MEL, WAVEFORM, Function
from audiotag.export.joining import join
from audiotag.scorers.exported import CARD, Card
from audiotag.scorers.litert import outputs_by_name
from audiotag.startup import no_chatter

__all__ = ["ANY_LENGTH", "BATCH", "LABELS", "PRECISIONS", "SUFFIX", "outputs_by_name", "write"]

PRECISIONS = ("float32", "float16", "dynamic", "int8")
SUFFIX = ".tflite"
BATCH = 1
ANY_LENGTH = False
LABELS = "labels.txt"
"""A name a line in the order of the scores, where LiteRT's tools for Android look for it."""


_BLOCK = "first_block"  # between what is float32 and what is quantised


def write(function: Function, precision: str, card: Card, path: Path, fitting: np.ndarray | None) -> None:
    """Write a LiteRT file that takes one clip at a time.

    The front end and what makes scores of logits are float32; the network has the precision that is asked for.

    Args:
        function: what is exported.
        precision: of the network: "float32"; "float16" (weights alone); "dynamic" (weights of 8 bits, activations
            quantised as they come); "int8" (weights and activations of 8 bits).
        card: what the file says about itself.
        path: the file.
        fitting: (clips, samples) float32, real clips by which "int8" takes the ranges of activations.

    Raises:
        AudiotagError: a waveform of any length, or an operation that LiteRT lacks.
    """
    import tensorflow as tf

    spec, stages, given = function.spec(LOG_MEL, 1), [], None
    before, chosen = None, function.network
    if precision == "int8":
        given = function.log_mel_of(fitting)
        before, chosen = quantisation.prepared(function.network, given)
    if before is not None:
        first = frozen(lambda log_mel: {_BLOCK: before(log_mel, training=False)}, [spec])
        stages = [_converted(first, "float32")]
        given = np.concatenate([before(clip[None], training=False) for clip in given])
        shape = before.output.shape if function.samples is None else given.shape
        spec = tf.TensorSpec((1, *shape[1:]), tf.float32, _BLOCK)
    network = frozen(lambda inputs: chosen(inputs, training=False), [spec])
    stages += [_converted(network, precision, given), _converted(_scoring(function, network), "float32")]
    if function.takes == WAVEFORM:
        stages.insert(0, _converted(_front_end(function), "float32"))
    path.write_bytes(join(stages, function.outputs))
    with zipfile.ZipFile(path, "a") as archive:  # not compressed: Android's tools map it into memory
        archive.writestr(LABELS, "\n".join(card.labels.names) + "\n")
        archive.writestr(CARD, card.to_json())


def _front_end(function: Function) -> Any:
    if function.samples is None:
        raise AudiotagError(
            "a LiteRT file takes waveforms of one length, received any length: give --seconds, or export it from "
            "log-mel"
        )
    compute = front_end.log_mel(function.tagger.front_end, function.samples)
    return frozen(lambda waveform: {LOG_MEL: compute(waveform)}, [function.spec(WAVEFORM, 1)])


def _scoring(function: Function, network: Any) -> Any:
    """What makes scores of the logits that the network gives."""
    import tensorflow as tf

    given = network.get_concrete_function().structured_outputs
    specs = [tf.TensorSpec(given[name].shape, tf.float32, name) for name in function.logits]
    return frozen(lambda *logits: function.scored(dict(zip(function.logits, logits, strict=True))), specs)


def _converted(function: Any, precision: str, inputs: np.ndarray | None = None) -> bytes:
    """A function as a flatbuffer; to its inputs activations of 8 bits are fitted."""
    import tensorflow as tf

    concrete = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: ([clip[None]] for clip in inputs)
    try:
        with warnings.catch_warnings(), no_chatter():
            warnings.simplefilter("ignore")  # of statistics for quantised inputs, which a network of floats has not
            return converter.convert()
    except Exception as error:  # the converter raises errors of many kinds
        if lacking := sorted(set(re.findall(r"'tf\.(\w+)' op", str(error)))):
            raise AudiotagError(
                f"a LiteRT file holds LiteRT's own operations, the network has {', '.join(lacking)}, which it lacks: "
                "export to another format, or build the network without"
            ) from error
        raise
