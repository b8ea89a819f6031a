"""Sweeps: the fields of a recipe that make the best run, searched for by Optuna on top of `training.train`."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "command": ["command"],
        "result": ["Sweep", "Trial"],
        "space": ["Choices", "Range", "parse"],
        "sweeping": ["sweep"],
    },
)
