"""What can be evaluated: runs, Keras, LiteRT and ONNX models, SavedModels, published weights, tables of scores."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.evaluation.subjects.opening import open
    from audiotag.evaluation.subjects.predicting import Predicted, predict
    from audiotag.evaluation.subjects.scorer import Scorer
    from audiotag.evaluation.subjects.tables import ScoreTable

__all__ = ["Predicted", "ScoreTable", "Scorer", "open", "predict"]

_HOMES = {
    "Predicted": "predicting",
    "ScoreTable": "tables",
    "Scorer": "scorer",
    "open": "opening",
    "predict": "predicting",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.evaluation.subjects.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiotag.evaluation.subjects' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
