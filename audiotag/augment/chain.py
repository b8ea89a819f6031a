"""Transforms ready to run, which note what each of them did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from audiotag.augment.timing import Applied
from audiotag.errors import AudiotagError

_SLOWEST_REPEATABLE = 0.5  # a slower Signalsmith stretch draws phases from the machine's own randomness


class Chain:
    """Transforms in order, every one of them noting what it was applied to and what it drew.

    Args:
        transforms: audiomentations transforms and compositions, or other callables (samples, sample_rate) -> samples.
        name: name of their policy, for messages.

    Raises:
        AudiotagError: a transform whose result cannot be repeated.
    """

    def __init__(self, transforms: Sequence[Any], name: str) -> None:
        self.transforms = list(transforms)
        self.leaves = list(leaves_of(transforms))
        self._applied: list[Applied] = []
        for leaf in self.leaves:
            slowest = getattr(leaf, "min_rate", 1.0)
            if getattr(leaf, "method", "") == "signalsmith_stretch" and slowest < _SLOWEST_REPEATABLE:
                raise AudiotagError(
                    f"policy {name!r} stretches with min_rate {slowest}, and below {_SLOWEST_REPEATABLE} Signalsmith's "
                    "result differs from run to run: use a higher min_rate, or method='librosa_phase_vocoder'"
                )
            if hasattr(leaf, "apply"):
                leaf.apply = self._noting(leaf, leaf.apply)

    def _noting(self, leaf: Any, apply: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        def note_and_apply(samples: np.ndarray, sample_rate: int) -> np.ndarray:
            self._applied.append(Applied(leaf, dict(leaf.parameters), samples.shape[-1], sample_rate))
            return apply(samples, sample_rate)

        return note_and_apply

    def run(self, waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, list[Applied]]:
        """The waveform after all transforms, and those that were applied, in order."""
        self._applied.clear()
        for transform in self.transforms:
            waveform = transform(waveform, sample_rate)
        return waveform, list(self._applied)


def leaves_of(transforms: Sequence[Any]) -> Iterator[Any]:
    """The transforms inside compositions (`OneOf`, `SomeOf`, `Compose`) and beside them."""
    for transform in transforms:
        inner = getattr(transform, "transforms", None)
        if inner is None:
            yield transform
        else:
            yield from leaves_of(inner)
