"""A report, content once: terminal, tables, model card, HTML and TensorBoard render it."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "report": ["Report", "Subject"],
        "section": ["Exhibit", "Section", "Table"],
        "terminal": ["show"],
        "writing": ["write"],
    },
)
