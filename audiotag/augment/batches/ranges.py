"""Checks of the settings of augmentations, when a layer is made."""

from __future__ import annotations

import math
import numbers
from typing import Any

from audiotag.errors import AudiotagError


def whole(what: str, value: Any, least: int = 1) -> int:
    """A whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise AudiotagError(f"{what} must be a whole number, at least {least}, received {value!r}")
    return int(value)


def positive(what: str, value: Any, most: float = math.inf) -> float:
    """A finite number above 0 and at most `most`."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and 0 < value <= most):
        rule = "a positive number" if most == math.inf else f"above 0 and at most {most:g}"
        raise AudiotagError(f"{what} must be {rule}, received {value!r}: to do without, leave the augmentation out")
    return float(value)
