"""What results of tagging are written as: a file a format, which nothing else needs to know of.

Each is a module named as people type it, with

- `lines(stream, several)`: what comes first in a stream, and the function that makes text of a file's tags;
- `SUFFIX`, what the file of one recording's results ends in;
- `ALONE`, True where a file holds one recording alone;
- `read(path)`, which reads such a file again, where that can be done.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from audiotag.errors import AudiotagError, suggest

NAMES: tuple[str, ...] = tuple(module.name for module in pkgutil.iter_modules(__path__))
"""Of all formats; none of them is imported for this."""


def load(name: str) -> ModuleType:
    """The module of a format.

    Raises:
        AudiotagError: there is none of that name.
    """
    if name not in NAMES:
        raise AudiotagError(f"no format is named {name!r}: {suggest(name, NAMES)}")
    return importlib.import_module(f"{__name__}.{name}")
