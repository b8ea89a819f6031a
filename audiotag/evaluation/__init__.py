"""How good a model is, class by class: evaluate, compare, calibrate."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"evaluating": ["evaluate"], "tuning": ["calibrate"]}
)
