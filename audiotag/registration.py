"""audiotag's own Keras classes, known to Keras by name as soon as both are imported, and imported when a file asks."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

CLASSES = {
    "audiotag.augment.batches.erase_bands": ("EraseBands",),
    "audiotag.augment.batches.filter_augment": ("FilterAugment",),
    "audiotag.augment.batches.freq_mix_style": ("FreqMixStyle",),
    "audiotag.augment.batches.frequency_mask": ("FrequencyMask",),
    "audiotag.augment.batches.frequency_shift": ("FrequencyShift",),
    "audiotag.augment.batches.gain": ("Gain",),
    "audiotag.augment.batches.mixup": ("Mixup",),
    "audiotag.augment.batches.policies": ("BatchPolicy",),
    "audiotag.augment.batches.roll": ("Roll",),
    "audiotag.augment.batches.time_mask": ("TimeMask",),
    "audiotag.frontend.layer": ("LogMel",),
    "audiotag.models.decoder": ("CausalAttention",),
    "audiotag.models.dynamic": ("DynamicDepthwise", "DynamicPointwise", "DynamicReLU"),
    "audiotag.models.layers": (
        "ClassTokens",
        "LeastFrames",
        "Patchout",
        "PositionEmbedding",
        "SelfAttention",
        "TakeTokens",
        "TimeTokens",
    ),
    "audiotag.models.sequence_models": ("MinGRU", "RotaryPositions"),
    "audiotag.tagging.tagger": ("AudioTagger",),
    "audiotag.training.character_loss": ("CharacterLoss",),
    "audiotag.training.layerwise": ("LayerwiseAdam",),
    "audiotag.training.losses": ("KnownCrossentropy",),
    "audiotag.training.note_loss": ("NoteLoss",),
    "audiotag.training.steps": ("StepCrossentropy",),
}
"""Module to the classes in it that stand in saved files."""


@dataclass(frozen=True)
class OnDemand:
    """Stands in Keras' registry for a class until its module is imported, which puts the class itself there.

    Importing the modules at once would import them in the middle of whichever of them imports Keras first.
    """

    module: str
    name: str

    def from_config(self, config: dict[str, Any]) -> Any:
        """What the class makes of a saved configuration."""
        return getattr(importlib.import_module(self.module), self.name).from_config(config)


def register(keras: Any) -> None:
    """Make the names known to Keras; a class that is registered already stays."""
    for module, names in CLASSES.items():
        for name in names:
            keras.saving.get_custom_objects().setdefault(f"audiotag>{name}", OnDemand(module, name))
