"""How good a model is, class by class: metrics, predictions, TensorBoard, and a callback that watches them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.evaluation import metrics
    from audiotag.evaluation.callback import ValidationMetrics
    from audiotag.evaluation.predictions import Predictions, predict
    from audiotag.evaluation.report import Report, evaluate
    from audiotag.evaluation.table import show

__all__ = ["Predictions", "Report", "ValidationMetrics", "evaluate", "metrics", "predict", "show"]

_HOMES = {
    "Predictions": "predictions",
    "Report": "report",
    "ValidationMetrics": "callback",
    "evaluate": "report",
    "predict": "predictions",
    "show": "table",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.evaluation.{_HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"audiotag.evaluation.{name}")
    raise AttributeError(f"module 'audiotag.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
