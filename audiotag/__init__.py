"""audiotag: sound classification and audio tagging in Keras, from a folder of recordings to a verified tagger."""

from __future__ import annotations

import importlib
from typing import Any

import lazy_loader
import wrapt

from audiotag.errors import AudioError as AudioError
from audiotag.errors import AudiotagError as AudiotagError

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "audio",
        "augment",
        "distill",
        "evaluation",
        "frontend",
        "hear",
        "labels",
        "metrics",
        "models",
        "records",
        "report",
        "scorers",
        "tagging",
        "tensorboard",
        "training",
    ],
    submod_attrs={"scorers": ["load"], "tagging": ["AudioTagger", "Tag"]},
)


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
