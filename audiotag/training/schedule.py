"""The learning rate of every epoch: exponential warm-up, flat, linear ramp-down, flat."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audiotag.errors import AudiotagError


@dataclass(frozen=True)
class Schedule:
    """Learning rate as a pure function of the epoch, so that a resumed run follows the same curve.

    For epoch e the factor is `exp(-5 (1 - max(e, 0.5) / warmup)^2)` while e < warmup, then 1; from epoch
    `ramp_start` it falls on a line to `last` within `ramp_epochs` epochs and stays there (the schedule of
    EfficientAT and PaSST, arXiv 2211.04772 and 2110.05069).

    Args:
        peak: learning rate between warm-up and ramp-down, positive.
        warmup: epochs of warm-up, 0 for none.
        ramp_start: epoch (from 0) at which the ramp-down begins.
        ramp_epochs: epochs until `last` is reached, at least 1.
        last: final fraction of the peak, 0 to 1.

    Raises:
        AudiotagError: a value outside its range.
    """

    peak: float
    warmup: int
    ramp_start: int
    ramp_epochs: int
    last: float

    def __post_init__(self) -> None:
        if not self.peak > 0:
            raise AudiotagError(f"learning_rate must be positive, received {self.peak}")
        if self.warmup < 0 or self.ramp_start < 0 or self.ramp_epochs < 1:
            raise AudiotagError(
                "warm-up and ramp start are 0 epochs or more and the ramp lasts at least 1, received "
                f"warm-up {self.warmup}, ramp start {self.ramp_start}, ramp epochs {self.ramp_epochs}"
            )
        if not 0 <= self.last <= 1:
            raise AudiotagError(f"the last fraction of the learning rate lies in 0 to 1, received {self.last}")

    def __call__(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        rising = math.exp(-5 * (1 - max(epoch, 0.5) / self.warmup) ** 2) if epoch < self.warmup else 1.0
        gone = min(max(epoch - self.ramp_start, 0) / self.ramp_epochs, 1.0)
        return self.peak * rising * (1 - (1 - self.last) * gone)
