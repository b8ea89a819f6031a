"""Embeddings: a network up to what some of its layers give, averaged, in place of its logits."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers as keras_layers

from audiotag.errors import AudiotagError, suggest
from audiotag.models.parts import Parts

NAMED = ("mid", "blocks", "features", "logits")
"""Choices of layers that have a name of their own; any other name is that of one layer."""

# EfficientAT_HEAR (arXiv 2303.01879) embeds by the outputs of these blocks, after projection and residual, without
# the stem: mn10 gives 40 + 112 + 160 + 160 numbers, and 128 mel averages before them.
MID_BLOCKS = (5, 11, 13, 15)


def embedding_network(network: keras.Model, layers: str | Sequence[str] = "mid") -> keras.Model:
    """What some layers of a network give, averaged and joined into one vector; it shares the network's weights.

    Args:
        network: functional model (batch, frames, mels, 1) -> logits (batch, classes).
        layers: what is joined.
            "mid", what serves other tasks best: of an MN or a DyMN the mel averages (the mean over time of every
            band of the input), then the outputs of blocks 5, 11, 13 and 15, as published for HEAR
            (arXiv 2303.01879: 600 numbers for mn10, 184 for mn01); of a PaSST the logits, then the features, as
            hear21passt has them, then the mel averages; of another network "features".
            "blocks": of an MN or a DyMN the mel averages, then the outputs of all 15 blocks.
            "features": what the head makes its logits of: of an MN or DyMN the last convolution, of a PaSST the mean of
            its class and distillation tokens, of YAMNet, a crnn and others whose last layer keeps time what goes into
            it, of PANNs and any other network the layer "features". "logits": the output.
            The name of a layer: its output, averaged over all axes but batch and channels.
            A list of these: all of them, in that order.

    Returns:
        (batch, frames, mels, 1) -> (batch, dim), float32.

    Raises:
        AudiotagError: no such layer.

    Example:
        >>> network = audiotag.models.build("mn10", classes=527)
        >>> audiotag.models.embedding_network(network).output_shape
        (None, 600)
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise AudiotagError(f"an embedding needs at least one layer, received none: name one of {', '.join(NAMED)}")
    if not getattr(network, "inputs", None):
        raise AudiotagError(f"embeddings need a functional model, received {type(network).__name__}: build one")
    tensors = [tensor for name in names for tensor in _outputs(network, str(name))]
    joined = keras_layers.Concatenate(dtype="float32", name="embedding")([_mean(tensor) for tensor in tensors])
    return keras.Model(network.input, joined, name=f"{network.name}_embedding")


def _outputs(network: keras.Model, choice: str) -> list[keras.KerasTensor]:
    """What one of `NAMED`, or the name of a layer, stands for in this network."""
    parts = Parts(network)
    if choice not in NAMED:
        return [_output(network, choice)]
    if choice == "logits":
        return [network.output]
    if choice != "features" and parts.family in ("mn", "dymn"):
        blocks = [parts.blocks[number - 1] for number in MID_BLOCKS] if choice == "mid" else parts.blocks
        return [_bands(network), *blocks]
    if choice == "blocks":
        raise AudiotagError(f"blocks are those of an MN or a DyMN, received {network.name}: choose mid or features")
    if parts.features is None:
        names = [layer.name for layer in network.layers]
        raise AudiotagError(f"{network.name} has no layer 'features' to embed by: {suggest('features', names)}")
    if choice == "mid" and parts.head == "tokens":
        return [network.output, parts.features, _bands(network)]
    return [parts.features]


def _output(network: keras.Model, name: str) -> keras.KerasTensor:
    names = [layer.name for layer in network.layers]
    if name not in names:
        raise AudiotagError(f"{network.name} has no layer {name!r}: {suggest(name, [*NAMED, *names])}")
    tensor = network.get_layer(name).output
    if not isinstance(tensor, keras.KerasTensor) or len(tensor.shape) < 2 or tensor.shape[-1] is None:
        raise AudiotagError(f"layer {name!r} of {network.name} has no single output with channels: choose another")
    return tensor


def _bands(network: keras.Model) -> keras.KerasTensor:
    """The spectrogram as (batch, frames, mels): the mel bands are its channels."""
    return keras_layers.Reshape((-1, network.input.shape[2]), dtype="float32")(network.input)


def _mean(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over all axes but batch and channels: (batch, channels)."""
    if len(tensor.shape) == 2:
        return tensor
    places = keras_layers.Reshape((-1, tensor.shape[-1]), dtype="float32")(tensor)
    return keras_layers.GlobalAveragePooling1D(dtype="float32")(places)
