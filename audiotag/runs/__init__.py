"""Runs: which lie below a folder, here or in a store, how far each has come, what it reached."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "files": ["RunFiles", "files_of", "find"],
        "summary": ["RunSummary", "read", "read_all"],
        "table": ["RunTable", "table"],
    },
)
