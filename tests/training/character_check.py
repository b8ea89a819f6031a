"""Called by test_character_loss.py in a process of each backend."""

from __future__ import annotations

import numpy as np
from keras import ops

from audiotag.training.character_loss import CharacterLoss


def losses(target: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Of every text, (batch,)."""
    return ops.convert_to_numpy(CharacterLoss(reduction="none")(target, ops.convert_to_tensor(logits)))
