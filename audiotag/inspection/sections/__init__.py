"""Sections of an inspection, a file each: `measure(inspected)` gives a `report.Section`, None with nothing to say.

A conclusion is a finding: a line that names the clips and says what to do.
"""

from __future__ import annotations

import importlib

from audiotag.inspection.inspected import Inspected
from audiotag.report.section import Section

SECTIONS = (
    "classes",
    "leaks",
    "duplicates",
    "against",
    "levels",
    "bandwidth",
    "durations",
    "rejected",
    "cooccurrence",
    "examples",
)
"""Modules of this package in the order of showing."""


def measure(inspected: Inspected) -> dict[str, Section | None]:
    """Every section by its name."""
    return {name: importlib.import_module(f"{__name__}.{name}").measure(inspected) for name in SECTIONS}
