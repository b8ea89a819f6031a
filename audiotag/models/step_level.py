"""What a network says of every step of time, whatever it was trained on: classes, notes or characters."""

from __future__ import annotations

import keras

from audiotag.models.characters import character_level
from audiotag.models.frames import frame_level
from audiotag.models.notes import note_level
from audiotag.models.parts import Parts

_BY_HEAD = {"notes": note_level, "ctc": character_level}


def step_level(network: keras.Model) -> keras.Model:
    """The network up to the logits of every step, sharing its weights.

    Args:
        network: log-mel to logits, as `build` makes it, or its file opened again.

    Returns:
        (batch, frames, mels, 1) -> logits, float32: of the notes of a step with the "notes" head (batch, steps, 88, 4),
        of its characters with the "ctc" head (batch, steps, 1 + classes), else of its classes (batch, steps, classes).

    Raises:
        AudiotagError: a network that keeps no time.
    """
    return _BY_HEAD.get(Parts(network).head, frame_level)(network)
