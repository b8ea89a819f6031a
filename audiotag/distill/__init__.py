"""Distillation from stored outputs: a teacher's logits beside every record, computed once or imported."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.distill.imported import import_logits
    from audiotag.distill.teaching import teach

_HOMES = {"import_logits": "imported", "teach": "teaching"}
__all__ = ["import_logits", "teach"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.distill.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiotag.distill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
