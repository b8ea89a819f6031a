"""SavedModel folders of TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.scorers import exported
from audiotag.scorers.foreign import Foreign, check_one_each, file_size
from audiotag.scorers.scorer import Scorer

MODEL = "saved_model.pb"
_SIGNATURES = ("serving_default", "serve")


def open(folder: Path) -> Foreign | Scorer:
    """A SavedModel's signature "serving_default" (else "serve"), by TensorFlow.

    Returns:
        A scorer of what audiotag exported, which says everything about itself; of anything else what its folder says.

    Raises:
        AudiotagError: no SavedModel, no such signature, or several inputs or outputs.
    """
    import tensorflow as tf

    loaded, about = _loaded(folder), {"folder": file_size(folder)}
    name = folder.resolve().name
    known = [key for key in _SIGNATURES if key in loaded.signatures]
    if not known:
        raise AudiotagError(
            f"a SavedModel that scores sound has a signature {_SIGNATURES[0]}, {name} has "
            f"{', '.join(loaded.signatures) or 'none'}: export it with model.export"
        )
    if (card := folder / "assets" / exported.CARD).is_file():
        stated = exported.Card.from_json(card.read_bytes(), folder)
        return exported.scorer(stated, "SavedModel", folder, _by_name(loaded), None, about)
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
    return Foreign(name, "SavedModel", folder, tuple(takes.shape), classes, run, about)


def outputs_by_name(folder: Path) -> exported.Run:
    """All outputs of a SavedModel that audiotag exported."""
    return _by_name(_loaded(folder))


def _loaded(folder: Path) -> Any:
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises errors of many kinds for what it cannot load
        reason = str(error).strip().split("\n")[0]
        raise AudiotagError(f"{folder} cannot be opened as a SavedModel ({reason}): export it again") from error


def _by_name(loaded: Any) -> exported.Run:
    import tensorflow as tf

    (argument,) = loaded.signatures[_SIGNATURES[0]].structured_input_signature[1]

    def run(batch: np.ndarray) -> dict[str, np.ndarray]:
        outputs = loaded.signatures[_SIGNATURES[0]](**{argument: tf.constant(batch)})
        return {name: value.numpy() for name, value in outputs.items()}

    return run
