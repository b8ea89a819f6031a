"""Arithmetic on predictions: metrics per class and of all clips, intervals, comparison, thresholds."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["bootstrap", "comparison", "confusion", "per_class", "ranking", "reliability", "thresholds"],
    submod_attrs={
        "comparison": ["Comparison", "compare"],
        "prediction_files": ["load", "save"],
        "predictions": ["Predictions"],
    },
)
