"""SavedModel folders of TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers.foreign import Foreign, check_one_each, file_size

MODEL = "saved_model.pb"
_SIGNATURES = ("serving_default", "serve")


def open(folder: Path) -> Foreign:
    """A SavedModel's signature "serving_default" (else "serve"), by TensorFlow.

    Raises:
        AudiotagError: no SavedModel, no such signature, or several inputs or outputs.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises errors of many kinds for what it cannot load
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{folder} cannot be opened as a SavedModel ({reason}): export it again") from error
    name = folder.resolve().name
    known = [key for key in _SIGNATURES if key in loaded.signatures]
    if not known:
        raise AudiotagError(
            f"a SavedModel that scores sound has a signature {_SIGNATURES[0]}, {name} has "
            f"{', '.join(loaded.signatures) or 'none'}: export it with model.export"
        )
    signature = loaded.signatures[known[0]]
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    check_one_each(name, list(inputs), list(outputs))
    (argument, takes), (result, gives) = *inputs.items(), *outputs.items()
    if takes.shape.rank is None:
        raise AudiotagError(
            f"a SavedModel that scores sound states the shape of its input, {name} does not: export it again"
        )

    def run(batch: np.ndarray) -> np.ndarray:
        # By way of `loaded`: its variables live as long as it does.
        inputs = tf.cast(tf.constant(batch), takes.dtype)
        return loaded.signatures[known[0]](**{argument: inputs})[result].numpy()

    classes = gives.shape[-1] if gives.shape.rank else None
    return Foreign(name, "SavedModel", folder, tuple(takes.shape), classes, run, {"folder": file_size(folder)})
