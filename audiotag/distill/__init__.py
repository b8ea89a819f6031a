"""Distillation from stored outputs: a teacher's logits beside every record, computed once or imported."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"imported": ["import_logits"], "teaching": ["teach"]}
)
