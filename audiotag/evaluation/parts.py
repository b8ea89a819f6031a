"""Figures of some of the clips: of a fold, of a slice."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions

FIGURES = ("mAP", "AUC", "lwlrap", "F1", "accuracy")
"""What is measured of a part of the clips, see `metrics.summary`."""


def figures(predictions: Predictions, chosen: np.ndarray) -> dict[str, Any]:
    """Counts and figures of the clips chosen by a mask (clips,): clips, classes (that have a positive), `FIGURES`."""
    part = predictions.take(chosen)
    table = per_class.per_class(part)
    summary = per_class.summary(part, table)
    counts = {"clips": int(chosen.sum()), "classes": int((table["positives"] > 0).sum())}
    return counts | {name: summary[name] for name in FIGURES}


def natural(name: str) -> list[tuple[str, int]]:
    """A key that sorts "fold2" before "fold10"."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name)]
