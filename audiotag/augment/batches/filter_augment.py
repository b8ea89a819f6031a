"""FilterAugment: another room, another microphone, as gains of a few bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import levels, ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers, front_end_of, integers_below, refuse
from audiotag.errors import AudiotagError, suggest
from audiotag.frontend.config import LogMelConfig

KINDS = {"linear": ((3, 5), 6), "step": ((2, 4), 4)}
"""Fewest and most bands of the published settings, and mels of the narrowest band."""


@keras.saving.register_keras_serializable(package="audiotag")
class FilterAugment(Augmentation):
    """The mels cut into a few bands, each with a gain of its own (arXiv 2110.03282), exact as `Gain` is.

    The number of bands and their edges are drawn for every example, where the published code draws them for a batch.

    Args:
        decibels: most, louder or quieter, above 0, at most 60. Default 6.
        bands: fewest and most, at least 2. Default: (3, 5) for "linear", (2, 4) for "step".
        kind: "linear" (gains at the edges, straight lines between them) or "step" (a gain a band). Default "linear".
        front_end: of the log-mel: a configuration, its `to_dict()`, or the name of a preset.
        seed: seed of the draws.

    Raises:
        AudiotagError: in training, log-mel of fewer mels than bands.
    """

    def __init__(
        self,
        decibels: float = 6.0,
        bands: Sequence[int] | None = None,
        kind: str = "linear",
        front_end: LogMelConfig | dict[str, Any] | str = "efficientat",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        if kind not in KINDS:
            raise AudiotagError(f"no kind of filter_augment is named {kind!r}: {suggest(str(kind), KINDS)}")
        self.decibels = ranges.positive("decibels of filter_augment", decibels, levels.MOST_DECIBELS)
        self.bands = _checked(KINDS[kind][0] if bands is None else bands)
        self.kind = kind
        self.front_end = front_end_of(front_end)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "edges" of the bands, (batch, most + 1) int32, the last ones equal where there are fewer bands, and
        "decibels", (batch, most + 1) float32, the gains at them, or, of "step", from them on.
        """
        batch, _, mels, _ = shape
        fewest, most = self.bands
        if mels < most:
            refuse(f"filter_augment cuts mels into up to {most} bands, received {mels} mels: choose fewer bands")
        narrowest = min(KINDS[self.kind][1], mels // most)
        uniform = self.uniform(batch, 2 * most + 1)
        count = fewest + integers_below(uniform[:, :1], most - fewest + 1)
        number = ops.arange(most - 1, dtype="int32")
        # Places of the inner edges among what is left when every band has its least width; unused ones come last.
        places = integers_below(uniform[:, 1:most], mels - count * narrowest + 1)
        places = ops.sort(ops.where(number < count - 1, places, mels), axis=1)
        inner = ops.where(number < count - 1, places + (number + 1) * narrowest, mels)
        edges = ops.pad(ops.pad(inner, ((0, 0), (1, 0))), ((0, 0), (0, 1)), constant_values=mels)
        return {"edges": edges, "decibels": self.decibels * (2.0 * uniform[:, most:] - 1.0)}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, filtered."""
        edges, gains = ops.expand_dims(numbers["edges"], -1), ops.expand_dims(numbers["decibels"], -1)
        first, end = edges[:, :-1], edges[:, 1:]
        mel = ops.arange(values.shape[2], dtype="int32")
        gain = gains[:, :-1]
        if self.kind == "linear":
            along = ops.cast(mel - first, "float32") / ops.cast(ops.maximum(end - first - 1, 1), "float32")
            gain = gain + (gains[:, 1:] - gain) * along
        inside = ops.logical_and(mel >= first, mel < end)
        decibels = ops.sum(ops.where(inside, gain, 0.0), axis=1)
        return levels.amplify(values, decibels[:, None, :, None], self.front_end)


def _checked(bands: Sequence[int]) -> tuple[int, int]:
    if not isinstance(bands, Sequence) or isinstance(bands, str) or len(bands) != 2:
        raise AudiotagError(f"bands of filter_augment are two, fewest and most, received {bands!r}")
    fewest = ranges.whole("fewest bands of filter_augment", bands[0], least=2)
    return fewest, ranges.whole("most bands of filter_augment", bands[1], least=fewest)
