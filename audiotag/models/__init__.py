"""Networks that turn log-mel spectrograms into class logits, their published weights, and their files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.models.architectures import build, features
    from audiotag.models.checkpoint import load_state_dict
    from audiotag.models.complexity import macs, parameters
    from audiotag.models.conversion import convert
    from audiotag.models.files import ModelCard, card, load, save
    from audiotag.models.presets import PRESETS, Preset, audioset_labels, preset

__all__ = [
    "PRESETS",
    "ModelCard",
    "Preset",
    "audioset_labels",
    "build",
    "card",
    "convert",
    "features",
    "load",
    "load_state_dict",
    "macs",
    "parameters",
    "preset",
    "save",
]

_HOMES = {
    "architectures": ("build", "features"),
    "checkpoint": ("load_state_dict",),
    "complexity": ("macs", "parameters"),
    "conversion": ("convert",),
    "files": ("ModelCard", "card", "load", "save"),
    "presets": ("PRESETS", "Preset", "audioset_labels", "preset"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"audiotag.models.{module}"), name)
    raise AttributeError(f"module 'audiotag.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
