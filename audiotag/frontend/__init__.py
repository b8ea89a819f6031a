"""Log-mel spectrograms: one configuration, a NumPy function for building and a Keras layer that agrees with it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from audiotag.frontend.config import PRESETS, LogMelConfig, preset

if TYPE_CHECKING:
    from audiotag.frontend.array import log_mel
    from audiotag.frontend.filterbank import mel_filterbank
    from audiotag.frontend.layer import LogMel

__all__ = ["PRESETS", "LogMel", "LogMelConfig", "log_mel", "mel_filterbank", "preset"]

_HOMES = {"LogMel": "layer", "log_mel": "array", "mel_filterbank": "filterbank"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.frontend.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiotag.frontend' has no attribute {name!r}")
