"""Networks of characters: log-mel to what every step tells of a text."""

from __future__ import annotations

import keras

from audiotag.errors import AudiotagError
from audiotag.models.parts import Parts


def character_level(network: keras.Model) -> keras.Model:
    """The network up to which character every step tells, sharing its weights.

    Args:
        network: log-mel to logits, with the "ctc" head, as `build` makes it, or its file opened again.

    Returns:
        (batch, frames, mels, 1) -> logits (batch, steps, 1 + classes), float32: the blank, then the classes.

    Raises:
        AudiotagError: a network with another head.
    """
    if Parts(network).head != "ctc":
        raise AudiotagError(
            f"texts are transcribed by a network with a head of characters, received {network.name}: train "
            "model='speech' on a data set of speech"
        )
    return keras.Model(network.input, network.get_layer("character_logits").output, name=f"{network.name}_characters")
