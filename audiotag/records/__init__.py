"""Records: declared clips built into verified shards of log-mel examples, and read back with tf.data."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiotag.records.builder import BuildReport, build
    from audiotag.records.data import Data, open
    from audiotag.records.declaration import Clip, Declaration, Event, declare
    from audiotag.records.verifier import Problem, verify

_HOMES = {
    "BuildReport": "builder",
    "Clip": "declaration",
    "Data": "data",
    "Declaration": "declaration",
    "Event": "declaration",
    "Problem": "verifier",
    "build": "builder",
    "declare": "declaration",
    "open": "data",
    "verify": "verifier",
}
__all__ = ["BuildReport", "Clip", "Data", "Declaration", "Event", "Problem", "build", "declare", "open", "verify"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiotag.records.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiotag.records' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
