"""What is in a data set: its classes, lengths and levels, and what is wrong with it, as a page and tables."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"inspecting": ["Inspection", "inspect"]})
