"""Frame-wise MobileNets of EfficientSED (arXiv 2503.11373): logits every 4 frames, with a sequence model or without."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from operator import mul

import keras

from audiotag.errors import AudiotagError
from audiotag.models import heads, sequence_models
from audiotag.models.blocks import Architecture, Stride, check_choice, convolution
from audiotag.models.mn import BLOCKS, Block, convolutions, squeeze_excitation, widened

_BANDS = (1, 2)  # a stride of mels alone
STRIDES: tuple[Stride, ...] = (1, 2, _BANDS, 1, 1, _BANDS, 1, _BANDS, 1, 1, _BANDS, 1, 1, 1, _BANDS)
"""Of the blocks: with the stem's, frames are halved twice and mels seven times."""
DILATED_STRIDES: tuple[Stride, ...] = tuple({None: 1, 0: 2}.get(block.stride, _BANDS) for block in BLOCKS)
"""The MN's own, but for the strides of time after the first, whose place dilations of the blocks after them take."""
DILATIONS = tuple(accumulate((2 if stride == _BANDS else 1 for stride in DILATED_STRIDES[:-1]), mul, initial=1))


@dataclass(frozen=True)
class FMN(Architecture):
    """An MN whose steps of time are 4 frames, 40 ms at a hop of 10 ms, with the "frames" head of `heads`.

    Of 128 mel bands one is left, of a dilated one the mean of four: layer "steps" is (batch, steps, channels). The
    published model has two heads: one of every step, which is layer "frame_logits" here, and one of the mean of the
    steps, which is that layer with the pooling "mean_logit". It also stretches any input to 250 steps, those of 10 s;
    here a step is always 4 frames.

    Args:
        width: multiplier of every channel count, positive. Default 1.
        sequence: "" (none) or one of `sequence_models.SEQUENCE_MODELS`. Default "".
        units: channels of a step in the sequence model, a GRU's of a direction; 0 without one. Default 0.
        pooling: of the head, one of `heads.POOLINGS`, which `heads.pool` defines. Default "linear_softmax".
        dilated: the strides of time that the MN has beyond the first two become dilations of the blocks after them, as
            arXiv 1606.00915 does, and mels stride as in the MN, so that four bands of 128 are left. With an MN's
            weights every eighth step holds what the MN's steps do, but for the gates, which average over all steps.
            Published weights of FMN are not of this kind. Default False.

    Raises:
        AudiotagError: a value outside its range.
    """

    width: float = 1.0
    sequence: str = ""
    units: int = 0
    pooling: str = "linear_softmax"
    dilated: bool = False

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise AudiotagError(f"width of an FMN is a positive multiplier, received {self.width}")
        check_choice("pooling over time", self.pooling, heads.POOLINGS)
        if self.sequence:
            sequence_models.check(self.sequence, self.units)
        elif self.units:
            raise AudiotagError(
                f"units are those of a sequence model, received {self.units} without one: name it, as fmn10+gru-256"
            )

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        strides = DILATED_STRIDES if self.dilated else STRIDES
        x = heads.frequency_mean(convolutions(spectrogram, self.width, strides, self._inside))
        if self.sequence:
            x = sequence_models.sequence_model(x, self.sequence, self.units)
        return heads.frames(x, classes, self.pooling)

    def _inside(self, x: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
        dilation = DILATIONS[int(name.removeprefix("block")) - 1] if self.dilated else 1
        x = widened(x, block, name, (dilation, 1))
        if block.squeezes:
            x = squeeze_excitation(x, "c", f"{name}_squeeze_c")
        return convolution(x, block.channels, 1, 1, f"{name}_project")
