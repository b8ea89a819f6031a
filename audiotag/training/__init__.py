"""Training: a recipe, plain `model.fit`, checkpoints that survive `kill -9`, and a run folder."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "fitting": ["train"],
        "freezing": ["freeze", "freeze_normalization"],
        "layerwise": ["LayerwiseAdam", "layer_rates"],
        "losses": ["loss_for"],
        "published": ["Preset", "preset", "presets"],
        "recipe": ["Recipe"],
        "run": ["Run"],
        "schedule": ["Schedule"],
        "temperature": ["Temperature"],
    },
)
