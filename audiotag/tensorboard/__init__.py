"""TensorBoard's event files, and a callback that watches every class while training."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"callback": ["PerClassMetrics"], "events": ["EventFile"]},
)
