"""Published names of the tensors of PANNs' Cnn6, Cnn10 and Cnn14."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from audiotag.models.published.entries import Entry, Layout, dense, normalization

# PANNs hold spectrograms as (batch, 1, frames, mels), where EfficientAT and PaSST have frames last.
CONVOLUTION = Layout(lambda s: (s[3], s[2], s[0], s[1]), lambda w: w.transpose(2, 3, 1, 0))
DROPPED = frozenset(
    {
        "spectrogram_extractor.stft.conv_real.weight",
        "spectrogram_extractor.stft.conv_imag.weight",
        "logmel_extractor.melW",
    }
)
"""Constants of the front end, which is not part of our network: `audiotag.frontend.preset("panns")`."""


def entries(model: keras.Model) -> Iterator[Entry]:
    """Every tensor of a published PANN, and the variable of ours that it is."""
    yield from normalization(model, "bn0", "mel_normalization")
    names = [layer.name for layer in model.layers]
    for convolution in (name for name in names if name.endswith("_convolution")):
        ours = convolution.removesuffix("_convolution")
        block, part = ours.removeprefix("block").split("_")
        kernel = model.get_layer(convolution).kernel
        yield Entry(f"conv_block{block}.conv{part}.weight", kernel, CONVOLUTION)
        yield from normalization(model, f"conv_block{block}.bn{part}", f"{ours}_normalization")
    yield from dense(model, "fc1", "features")
    yield from dense(model, "fc_audioset", "logits", head=True)
