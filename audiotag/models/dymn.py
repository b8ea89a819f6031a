"""DyMN, the dynamic MobileNets of EfficientAT (arXiv 2310.15648)."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers, ops

from audiotag.errors import AudiotagError
from audiotag.models.blocks import convolution, make_divisible, normalization
from audiotag.models.dynamic import DynamicDepthwise, DynamicPointwise, DynamicReLU
from audiotag.models.mn import Block, MobileNet, widened

CONTEXT_RATIO = 4  # channels of a block over those of its context
CONTEXT_RANGE = (32, 128)  # channels of a context at width 1


@dataclass(frozen=True)
class DyMN(MobileNet):
    """A DyMN student: the blocks of an MN, whose convolutions, activations and attention follow from each example.

    Args:
        width: this and the other fields of `MobileNet`.
        replace_se: only the blocks in which an MN has squeeze-and-excitation (4-6 and 11-15) are dynamic, the others
            plain. Default False: all are.
        temperature: of the attention over kernels, positive. Published AudioSet weights need 1, the default; training
            from random or ImageNet weights starts at 30 (`audiotag.training.Temperature`).

    Raises:
        AudiotagError: a value outside its range.
    """

    replace_se: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise AudiotagError(f"temperature of a DyMN is positive, 1 or more as a rule, received {self.temperature}")

    def _inside(self, x: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
        if self.replace_se and not block.squeezes:
            return convolution(widened(x, block, name), block.channels, 1, 1, f"{name}_project")
        context, over_mels, over_frames = self._context(x, block.expanded, block.stride, f"{name}_context")
        mixed = {"temperature": self.temperature}
        if block.expanded != x.shape[-1]:
            x = DynamicPointwise(block.expanded, **mixed, name=f"{name}_expand_convolution")([x, context])
            x = normalization(x, f"{name}_expand", block.activation)
        x = DynamicDepthwise(block.kernel, block.stride, **mixed, name=f"{name}_depthwise_convolution")([x, context])
        x = normalization(x, f"{name}_depthwise")
        x = DynamicReLU(name=f"{name}_depthwise_activation")([x, context])
        x = layers.Multiply(name=f"{name}_attention")([x, over_mels, over_frames])
        return DynamicPointwise(block.channels, **mixed, name=f"{name}_project_convolution")([x, context])

    def _context(
        self, x: keras.KerasTensor, expanded: int, stride: int, name: str
    ) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
        """What a map says of itself: (batch, context), and gates (batch, 1, mels, …) and (batch, frames, 1, …)."""
        smallest, largest = (self.channels(limit) for limit in CONTEXT_RANGE)
        size = min(max(make_divisible(expanded // CONTEXT_RATIO), smallest), largest)
        mels = x.shape[2]
        sequence = layers.Concatenate(axis=1, name=f"{name}_sequence")([ops.mean(x, axis=1), ops.mean(x, axis=2)])
        sequence = _dense(sequence, size, name, use_bias=False)
        sequence = normalization(sequence, name, "hard_silu")
        gates = []
        for part, axis, shape in (
            (sequence[:, :mels], "mels", (1, -(-mels // stride), expanded)),
            (sequence[:, mels:], "frames", (-1, 1, expanded)),
        ):
            if stride > 1:
                part = layers.ZeroPadding1D(1, name=f"{name}_{axis}_padding")(part)
                part = layers.AveragePooling1D(3, stride, name=f"{name}_{axis}_pooling")(part)
            gate = _dense(part, expanded, f"{name}_{axis}", activation="sigmoid")
            gates.append(layers.Reshape(shape, name=f"{name}_{axis}_gate")(gate))
        return layers.GlobalAveragePooling1D(name=f"{name}_mean")(sequence), *gates


def _dense(x: keras.KerasTensor, units: int, name: str, **settings: object) -> keras.KerasTensor:
    """A dense layer that starts as the published 1x1 convolution in its place does."""
    initializer = keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
    return layers.Dense(units, kernel_initializer=initializer, name=name, **settings)(x)
