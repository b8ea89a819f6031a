"""SavedModel folders of TensorFlow: any number of clips of any length, with the labels and the card as assets."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from audiotag.export.function import WAVEFORM, Function
from audiotag.scorers.exported import CARD, Card
from audiotag.scorers.saved_model import outputs_by_name

__all__ = ["ANY_LENGTH", "BATCH", "LABELS", "PRECISIONS", "SUFFIX", "outputs_by_name", "write"]

PRECISIONS = ("float32",)
SUFFIX = ""
BATCH = 8
ANY_LENGTH = True
LABELS = "labels.csv"

_SINGLE, _BATCH = "single", "serving_default"
"""Signatures: of one clip without the axis of the batch, and of several."""


def write(function: Function, precision: str, card: Card, path: Path, fitting: np.ndarray | None) -> None:
    """Write a SavedModel that TensorFlow alone loads.

    Args:
        function: what is exported.
        precision: "float32".
        card: what the folder says about itself.
        path: the folder, which must not be there.
        fitting: not used.
    """
    import tensorflow as tf

    module, compute = tf.Module(), function.whole(function.tagger.log_mel if function.takes == WAVEFORM else None)
    spec = function.spec(function.input, None)
    one = tf.TensorSpec(spec.shape[1:], spec.dtype, spec.name)

    def single(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: output[0] for name, output in compute(inputs[None]).items()}

    signatures = {
        _BATCH: tf.function(compute, autograph=False).get_concrete_function(spec),
        _SINGLE: tf.function(single, autograph=False).get_concrete_function(one),
    }
    module.network = function.network
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CARD).write_text(card.to_json(), encoding="utf-8")
        card.labels.write(Path(folder) / LABELS)
        module.assets = [tf.saved_model.Asset(str(Path(folder) / name)) for name in (CARD, LABELS)]
        tf.saved_model.save(module, str(path), signatures)
