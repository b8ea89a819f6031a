"""Embeddings: a network up to what its layers hear, pooled, in place of what its last layer says."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers as keras_layers

from audiotag.errors import AudiotagError, suggest

NAMED = ("mid", "blocks", "features", "logits")
"""Choices of layers that have a name of their own; any other name is that of one layer."""

# EfficientAT_HEAR (arXiv 2303.01879) embeds by the outputs of these blocks, after projection and residual, without
# the stem: mn10 gives 40 + 112 + 160 + 160 numbers, and 128 mel averages before them.
MID_BLOCKS = (5, 11, 13, 15)
_BLOCKS = range(1, 16)
_PROBES = (960, 991)  # frames: one that every stride divides, one that none does


def embedding_network(
    network: keras.Model, layers: str | Sequence[str] = "mid", *, keep_time: bool = False
) -> keras.Model:
    """What some layers of a network hear, averaged and joined into one vector; it shares the network's weights.

    Args:
        network: functional model (batch, frames, mels, 1) -> logits (batch, classes).
        layers: what is joined.
            "mid", what serves other tasks best: of an MN or a DyMN the mel averages (the mean over time of every
            band of the input), then the outputs of blocks 5, 11, 13 and 15, as published for HEAR
            (arXiv 2303.01879: 600 numbers for mn10, 184 for mn01); of a PaSST the logits, then the features, as
            hear21passt has them, then the mel averages; of another network its layer "features".
            "blocks": of an MN or a DyMN the mel averages, then the outputs of all 15 blocks.
            "features": the layer before the classifier. "logits": the output.
            The name of a layer: its output, averaged over all axes but batch and channels.
            A list of these: all of them, in that order.
        keep_time: give one vector a step of time, averaged over frequency only. A step is as long as one of the
            coarsest layer chosen (32 frames in an MN); finer layers are averaged within it, and what the last step
            lacks at the end counts for nothing. Default False: one vector for the whole input.

    Returns:
        (batch, frames, mels, 1) -> (batch, dim), float32; with `keep_time` (batch, steps, dim), step i of `stride`
        frames covering frames i * stride up to (i + 1) * stride.

    Raises:
        AudiotagError: no such layer, or one that has no time where it is to be kept.

    Example:
        >>> network = audiotag.models.build("mn10", classes=527)
        >>> audiotag.models.embedding_network(network).output_shape
        (None, 600)
    """
    chosen = _chosen(network, layers)
    pooled = _by_step(network, chosen) if keep_time else [_mean(tensor) for tensor in chosen]
    joined = keras_layers.Concatenate(dtype="float32", name="embedding")(pooled)
    return keras.Model(network.input, joined, name=f"{network.name}_embedding")


def _chosen(network: keras.Model, layers: str | Sequence[str]) -> list[keras.KerasTensor]:
    """The tensors to average, in the order of the embedding."""
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise AudiotagError(f"an embedding needs at least one layer, received none: name one of {', '.join(NAMED)}")
    found = [_named(network, name) if name in NAMED else [_output(network, str(name))] for name in names]
    return [tensor for tensors in found for tensor in tensors]


def _named(network: keras.Model, choice: str) -> list[keras.KerasTensor]:
    """What one of `NAMED` stands for in this network."""
    is_mn = f"block{_BLOCKS[-1]}_project_normalization" in _names(network)
    if choice == "logits":
        return [network.output]
    if choice == "blocks" and not is_mn:
        raise AudiotagError(f"blocks are those of an MN or a DyMN, received {network.name}: choose mid or features")
    if choice == "features" or not (is_mn or _is_passt(network)):
        return [_features(network)]
    if not is_mn:
        return [network.output, _features(network), _bands(network)]
    numbers = MID_BLOCKS if choice == "mid" else _BLOCKS
    return [_bands(network), *(_block(network, number) for number in numbers)]


def _is_passt(network: keras.Model) -> bool:
    return "read_tokens" in _names(network)


def _names(network: keras.Model) -> list[str]:
    if not getattr(network, "inputs", None):
        raise AudiotagError(f"embeddings need a functional model, received {type(network).__name__}: build one")
    return [layer.name for layer in network.layers]


def _output(network: keras.Model, name: str) -> keras.KerasTensor:
    known = _names(network)
    if name not in known:
        raise AudiotagError(f"{network.name} has no layer {name!r}: {suggest(name, [*NAMED, *known])}")
    tensor = network.get_layer(name).output
    if not isinstance(tensor, keras.KerasTensor) or len(tensor.shape) < 2 or tensor.shape[-1] is None:
        raise AudiotagError(f"layer {name!r} of {network.name} has no single output with channels: choose another")
    return tensor


def _block(network: keras.Model, number: int) -> keras.KerasTensor:
    residual = f"block{number}_add"
    return _output(network, residual if residual in _names(network) else f"block{number}_project_normalization")


def _features(network: keras.Model) -> keras.KerasTensor:
    names = _names(network)
    if "features" not in names and "last_activation" in names:
        return _output(network, "last_activation")
    if "features" not in names and "frame_logits" in names:
        return network.get_layer("frame_logits").input
    if "features" not in names:
        raise AudiotagError(
            f"{network.name} has no layer 'features' to embed by: name one of its layers {suggest('features', names)}"
        )
    tensor = _output(network, "features")
    layer = network.get_layer("features")
    # What such a layer averages still has its time, and the same mean.
    return layer.input if isinstance(layer, keras_layers.GlobalAveragePooling2D) else tensor


def _bands(network: keras.Model) -> keras.KerasTensor:
    """The spectrogram as (batch, frames, mels): the mel bands are its channels."""
    return keras_layers.Reshape((-1, network.input.shape[2]), dtype="float32")(network.input)


def _mean(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over all axes but batch and channels: (batch, channels)."""
    if len(tensor.shape) == 2:
        return tensor
    places = keras_layers.Reshape((-1, tensor.shape[-1]), dtype="float32")(tensor)
    return keras_layers.GlobalAveragePooling1D(dtype="float32")(places)


def _by_step(network: keras.Model, tensors: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
    """Every tensor as (batch, steps, channels), all on the steps of the coarsest one."""
    factors = _factors(network, tensors)
    return [_joined(_over_frequency(tensor), factor) for tensor, factor in zip(tensors, factors, strict=True)]


def _factors(network: keras.Model, tensors: list[keras.KerasTensor]) -> list[int]:
    """How many steps of each tensor make one of the coarsest."""
    # Every token of a PaSST has attended to all of the input, whenever its patch was.
    if _is_passt(network) or not all(len(tensor.shape) in (3, 4) for tensor in tensors):
        raise AudiotagError(
            f"these layers of {network.name} keep no time: choose layers of shape (batch, time, mels, channels), "
            "or embed windows one by one"
        )
    _, frames, mels, _ = network.input.shape
    probes = _PROBES if frames is None else (frames,)
    model = keras.Model(network.input, tensors)
    lengths = []
    for length in probes:
        shapes = model.compute_output_shape((1, length, mels, 1))
        lengths.append([shape[1] for shape in (shapes if isinstance(shapes, list) else [shapes])])
    coarsest = min(lengths[0])
    factors = [-(-length // coarsest) for length in lengths[0]]
    for counts in lengths:
        if {-(-count // factor) for count, factor in zip(counts, factors, strict=True)} != {min(counts)}:
            raise AudiotagError(
                f"the steps of these layers of {network.name} do not lie on each other: choose fewer layers, "
                "or embed windows one by one"
            )
    return factors


def _over_frequency(tensor: keras.KerasTensor) -> keras.KerasTensor:
    if len(tensor.shape) == 3:
        return tensor
    mean = keras_layers.AveragePooling2D((1, tensor.shape[2]), dtype="float32")(tensor)
    return keras_layers.Reshape((-1, tensor.shape[-1]), dtype="float32")(mean)


def _joined(steps: keras.KerasTensor, factor: int) -> keras.KerasTensor:
    """Means of runs of `factor` steps; the last run may be shorter."""
    if factor == 1:
        return steps
    filled = keras_layers.ZeroPadding1D((0, factor - 1), dtype="float32")
    mean = keras_layers.AveragePooling1D(factor, dtype="float32")
    return mean(filled(steps)) / mean(filled(keras.ops.ones_like(steps)))
