"""Sections of a report, a file each: `measure(evaluation)` gives a `report.Section`, None with nothing to measure."""

from __future__ import annotations

import importlib

from audiotag.evaluation.evaluated import Evaluation
from audiotag.report.section import Section

SECTIONS = (
    "reliability",
    "curves",
    "confusion",
    "rejection",
    "mistakes",
    "label_noise",
    "noise",
    "folds",
    "slices",
    "sound_events",
    "notes",
    "speech",
)
"""Modules of this package in the order of showing: also the keys of `metrics.json` and the groups of TensorBoard."""


def measure(evaluation: Evaluation) -> dict[str, Section | None]:
    """Every section by its name."""
    return {name: importlib.import_module(f"{__name__}.{name}").measure(evaluation) for name in SECTIONS}
