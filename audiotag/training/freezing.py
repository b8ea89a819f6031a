"""What of a network is trained: its parts in order, and the lower ones frozen."""

from __future__ import annotations

import re

import keras

from audiotag.errors import AudiotagError, suggest

HEAD = "head"
_PART = re.compile(r"(stem|block\d+|last|encoder\d+|gru\d+)(?:_|$)")


def parts(network: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """The layers of a network by part, from the input to the output.

    Args:
        network: a functional model. One that `models.build` made of blocks has the parts "stem" (PaSST: "patches",
            the position embeddings and tokens included), "block1", "block2" …, "last" where there is a last
            convolution, "encoder1" …, "gru1" … where it has them, and "head"; of any other model each layer is a
            part of its own.

    Returns:
        name -> layers.
    """
    names = [layer.name for layer in network.layers]
    if not any(name.startswith("block1_") for name in names):
        return {layer.name: [layer] for layer in network.layers}
    found: dict[str, list[keras.layers.Layer]] = {}
    between: list[keras.layers.Layer] = []  # of no part by their name: they lead to the next one
    for layer in network.layers:
        match = _PART.match(layer.name)
        if match is None:
            between.append(layer)
            continue
        if match[1] == "block1" and not found and any(below.weights for below in between):
            found["patches" if "patches" in names else "stem"], between = between, []
        if match[1] not in found:
            found[match[1]], between = between, []
        found[match[1]].append(layer)
    return found | {HEAD: between}


def freeze(network: keras.Model, last: str) -> None:
    """Stop the training of everything up to and including one part, before the network is compiled.

        audiotag.training.freeze(network, "block12")

    Frozen weights get no gradient, and frozen batch normalisation uses and keeps its running statistics. Random
    cropping of PaSST's embeddings and patchout go on in frozen parts: they are augmentation, and patchout saves time.

    Args:
        network: a functional model.
        last: the last frozen part, as `parts` names it: "last" freezes every convolution of an MN.

    Raises:
        AudiotagError: no such part, or nothing above it that could be trained.
    """
    found = parts(network)
    names = list(found)
    trained = [any(layer.trainable_weights for layer in layers) for layers in found.values()]
    possible = [name for number, name in enumerate(names) if any(trained[number + 1 :])]
    if last not in names:
        raise AudiotagError(f"freeze names the last frozen part of {network.name}: {suggest(last, possible)}")
    if last not in possible:
        raise AudiotagError(
            f"freeze leaves a part of {network.name} to train, received {last!r}, the end of it: "
            f"name an earlier one {suggest(last, possible)}"
        )
    for name in names[: names.index(last) + 1]:
        for layer in found[name]:
            layer.trainable = False


def freeze_normalization(network: keras.Model) -> None:
    """Let batch normalisation run as in inference while the rest trains: for batches too small to measure on.

    Running statistics, scales and shifts stay as they are. The head is left out: a new one has no statistics yet.

    Args:
        network: a functional model, not yet compiled.

    Raises:
        AudiotagError: it has no batch normalisation below its head.
    """
    _, *body = reversed(parts(network).values())
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
    # A model that counts as trainable does not pass the mark on to its layers: each is told.
    for layer in network._flatten_layers():
        layer.trainable = True
