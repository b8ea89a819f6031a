"""How good a model is, class by class: metrics, predictions, TensorBoard, and a callback that watches them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.evaluation import metrics
    from audiotag.evaluation.callback import PerClassMetrics, ValidationMetrics
    from audiotag.evaluation.comparison import Comparison, compare
    from audiotag.evaluation.evaluating import evaluate
    from audiotag.evaluation.predictions import Predictions, predict
    from audiotag.evaluation.report import Report
    from audiotag.evaluation.table import show
    from audiotag.evaluation.tuning import calibrate

_HOMES = {
    "Comparison": "comparison",
    "PerClassMetrics": "callback",
    "Predictions": "predictions",
    "Report": "report",
    "ValidationMetrics": "callback",
    "calibrate": "tuning",
    "compare": "comparison",
    "evaluate": "evaluating",
    "predict": "predictions",
    "show": "table",
}
__all__ = [
    "Comparison",
    "PerClassMetrics",
    "Predictions",
    "Report",
    "ValidationMetrics",
    "calibrate",
    "compare",
    "evaluate",
    "metrics",
    "predict",
    "show",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.evaluation.{_HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"audiotag.evaluation.{name}")
    raise AttributeError(f"module 'audiotag.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
