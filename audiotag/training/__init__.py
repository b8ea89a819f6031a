"""Training: a recipe, plain `model.fit`, checkpoints that survive `kill -9`, and a run folder."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.training.fitting import train
    from audiotag.training.freezing import freeze, freeze_normalization
    from audiotag.training.layerwise import LayerwiseAdam, layer_rates
    from audiotag.training.losses import loss_for
    from audiotag.training.recipe import Recipe
    from audiotag.training.run import Run
    from audiotag.training.schedule import Schedule
    from audiotag.training.temperature import Temperature

_HOMES = {
    "LayerwiseAdam": "layerwise",
    "Recipe": "recipe",
    "Run": "run",
    "Schedule": "schedule",
    "Temperature": "temperature",
    "freeze": "freezing",
    "freeze_normalization": "freezing",
    "layer_rates": "layerwise",
    "loss_for": "losses",
    "train": "fitting",
}
__all__ = [
    "LayerwiseAdam",
    "Recipe",
    "Run",
    "Schedule",
    "Temperature",
    "freeze",
    "freeze_normalization",
    "layer_rates",
    "loss_for",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiotag.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
