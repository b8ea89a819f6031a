"""audiotag: sound classification and audio tagging in Keras, from a folder of recordings to a verified tagger."""

from __future__ import annotations

import lazy_loader
import wrapt

from audiotag.errors import AudioError as AudioError
from audiotag.errors import AudiotagError as AudiotagError
from audiotag.registration import register

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "audio",
        "augment",
        "distill",
        "evaluation",
        "export",
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


wrapt.when_imported("keras")(register)
