"""One file that scores sound wherever it is opened: LiteRT, ONNX, SavedModel, Keras; proved before it appears."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "exporting": ["Artefact", "export"],
        "form": ["Form"],
    },
)
