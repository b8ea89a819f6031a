"""audiotag: sound classification and audio tagging in Keras, from a folder of recordings to a verified tagger."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import wrapt

from audiotag.errors import AudioError, AudiotagError

if TYPE_CHECKING:
    from audiotag import audio, augment, distill, evaluation, frontend, hear, labels, models, records, tagging, training
    from audiotag.tagging import AudioTagger, Tag, load

__version__ = "0.1.0"
__all__ = [
    "AudioError",
    "AudioTagger",
    "AudiotagError",
    "Tag",
    "audio",
    "augment",
    "distill",
    "evaluation",
    "frontend",
    "hear",
    "labels",
    "load",
    "models",
    "records",
    "tagging",
    "training",
]

_FROM_TAGGING = {"AudioTagger", "Tag", "load"}


@wrapt.when_imported("keras")
def _register(_: Any) -> None:
    """Register audiotag's Keras classes as soon as Keras is there, so that `import audiotag` alone stays quick."""
    for module in (
        "audiotag.frontend.layer",
        "audiotag.models.dynamic",
        "audiotag.models.layers",
        "audiotag.tagging.tagger",
    ):
        importlib.import_module(module)


def __getattr__(name: str) -> Any:
    if name in _FROM_TAGGING:
        return getattr(importlib.import_module("audiotag.tagging"), name)
    if name in __all__:
        return importlib.import_module(f"audiotag.{name}")
    raise AttributeError(f"module 'audiotag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
