"""What an export is written as: a file a format, which nothing else needs to know of.

Each is a module named as people type it, with

- `write(function, precision, card, path, fitting)`, which writes the file;
- `PRECISIONS`, in which it is written;
- `SUFFIX`, what its files end in; "" for a folder;
- `BATCH`, how many clips it is given at a time in its proof;
- `ANY_LENGTH`, whether it takes waveforms of any length;
- `outputs_by_name(path)`, all of its outputs in its own runtime, where it has more than the scores.

`scorers.open` is what opens the file again.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

NAMES: tuple[str, ...] = tuple(module.name for module in pkgutil.iter_modules(__path__))
"""Of all formats; none of them is imported for this."""


def load(name: str) -> ModuleType:
    """The module of a format."""
    return importlib.import_module(f"{__name__}.{name}")
