"""Whatever scores sound: runs, Keras, LiteRT and ONNX models, SavedModels, published weights, functions, ensembles."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "opening": ["load", "needs_keras", "open", "open_model"],
        "predicting": ["Predicted", "predict"],
        "scorer": ["Scorer"],
        "tables": ["ScoreTable"],
    },
)
