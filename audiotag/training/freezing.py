"""What of a network is trained: its stages in order, and the lower ones frozen."""

from __future__ import annotations

import keras

from audiotag.errors import AudiotagError, suggest
from audiotag.models.parts import Parts


def freeze(network: keras.Model, last: str) -> None:
    """Stop the training of everything up to and including one part, before the network is compiled.

        audiotag.training.freeze(network, "block12")

    Frozen weights get no gradient, and frozen batch normalisation uses and keeps its running statistics. Random
    cropping of PaSST's embeddings and patchout go on in frozen parts: they are augmentation, and patchout saves time.

    Args:
        network: a functional model.
        last: the last frozen part, as `audiotag.models.parts.Parts.stages` names it: "last" freezes every convolution
            of an MN.

    Raises:
        AudiotagError: no such part, or nothing above it that could be trained.
    """
    stages = Parts(network).stages
    names = list(stages)
    trained = [any(layer.trainable_weights for layer in layers) for layers in stages.values()]
    possible = [name for number, name in enumerate(names) if any(trained[number + 1 :])]
    if last not in names:
        raise AudiotagError(f"freeze names the last frozen part of {network.name}: {suggest(last, possible)}")
    if last not in possible:
        raise AudiotagError(
            f"freeze leaves a part of {network.name} to train, received {last!r}, the end of it: "
            f"{suggest(last, possible)}"
        )
    for name in names[: names.index(last) + 1]:
        for layer in stages[name]:
            layer.trainable = False


def freeze_normalization(network: keras.Model) -> None:
    """Let batch normalisation run as in inference while the rest trains: for batches too small to measure on.

    Running statistics, scales and shifts stay as they are. The head is left out: a new one has no statistics yet.

    Args:
        network: a functional model, not yet compiled.

    Raises:
        AudiotagError: it has no batch normalisation below its head.
    """
    _, *body = reversed(Parts(network).stages.values())
    frozen = [
        inner
        for layers in body
        for layer in layers
        for inner in layer._flatten_layers()
        if isinstance(inner, keras.layers.BatchNormalization)
    ]
    if not frozen:
        raise AudiotagError(
            f"freeze_normalization is for networks with BatchNormalization, {network.name} has none: leave it out"
        )
    for layer in frozen:
        layer.trainable = False


def thaw(network: keras.Model) -> None:
    """Mark every part as trained again."""
    # A model that counts as trainable does not pass the mark on to its layers.
    for layer in network._flatten_layers():
        layer.trainable = True
