"""Networks that turn log-mel spectrograms into class logits, their published weights, and their files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.models.architectures import build, features, load_published, mean_of
    from audiotag.models.checkpoint import load_state_dict
    from audiotag.models.complexity import macs, parameters
    from audiotag.models.conversion import convert
    from audiotag.models.embedding import embedding_network
    from audiotag.models.files import ModelCard, card, load, save
    from audiotag.models.frames import FrameSteps, frame_level, frame_steps, longest_frames, shortest_frames
    from audiotag.models.head_transfer import carry_over, matching_classes
    from audiotag.models.presets import PRESETS, Preset, audioset_labels, preset
    from audiotag.models.yamnet import yamnet_labels

__all__ = [
    "PRESETS",
    "FrameSteps",
    "ModelCard",
    "Preset",
    "audioset_labels",
    "build",
    "card",
    "carry_over",
    "convert",
    "embedding_network",
    "features",
    "frame_level",
    "frame_steps",
    "load",
    "load_published",
    "load_state_dict",
    "longest_frames",
    "macs",
    "matching_classes",
    "mean_of",
    "parameters",
    "preset",
    "save",
    "shortest_frames",
    "yamnet_labels",
]

_HOMES = {
    "architectures": ("build", "features", "load_published", "mean_of"),
    "checkpoint": ("load_state_dict",),
    "complexity": ("macs", "parameters"),
    "conversion": ("convert",),
    "embedding": ("embedding_network",),
    "files": ("ModelCard", "card", "load", "save"),
    "frames": ("FrameSteps", "frame_level", "frame_steps", "longest_frames", "shortest_frames"),
    "head_transfer": ("carry_over", "matching_classes"),
    "presets": ("PRESETS", "Preset", "audioset_labels", "preset"),
    "yamnet": ("yamnet_labels",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"audiotag.models.{module}"), name)
    raise AttributeError(f"module 'audiotag.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
