"""Class balance: how often each record is drawn in an epoch, so that rare classes are learnt too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_PURPOSE = 1  # keeps these draws apart from other uses of (seed, epoch)


def weights(clip_labels: Sequence[Sequence[int]], classes: int) -> np.ndarray:
    """Sampler weight of each clip: the sum over its classes c of 1000 / (100 + N_c), N_c clips having class c.

    The formula is EfficientAT's for AudioSet. Clips without any label count as one more class, so that they are
    drawn as well.

    Args:
        clip_labels: class indices of each clip.
        classes: number of classes.

    Returns:
        (clips,), float64, positive.
    """
    counted = [tuple(labels) or (classes,) for labels in clip_labels]
    sizes = np.bincount(np.concatenate(counted), minlength=classes + 1)
    rarity = 1000.0 / (100.0 + sizes)
    return np.array([rarity[list(labels)].sum() for labels in counted])


def draws(record_weights: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """How often each record is drawn in an epoch: as many draws as records of positive weight, with replacement.

    Args:
        record_weights: (records,), not negative; a record of weight 0 is not drawn.
        seed: not negative.
        epoch: not negative.

    Returns:
        (records,), int64, a pure function of the arguments.
    """
    generator = np.random.default_rng((seed, epoch, _PURPOSE))
    cumulative = np.cumsum(record_weights)
    points = generator.random(np.count_nonzero(record_weights)) * cumulative[-1]
    # A point that rounding put on the very end still belongs to the last record that can be drawn.
    drawn = np.minimum(np.searchsorted(cumulative, points, side="right"), np.flatnonzero(record_weights)[-1])
    return np.bincount(drawn, minlength=len(record_weights)).astype(np.int64)
