"""How numbers and names are written, once for every renderer."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

DASH = "—"
_NAME_LENGTH = 26


def figure(value: float | None, sign: str = "") -> str:
    """Three decimals, with `sign` "+" always signed; a dash for what is not defined."""
    if value is None or math.isnan(value):
        return DASH
    return f"{value:{sign}.3f}" if math.isfinite(value) else "∞"


def count(value: int) -> str:
    """A whole number, its thousands separated."""
    return f"{value:,}"


def percent(value: float, digits: int = 0) -> str:
    """A share of 1 in percent, the sign written as English and style sheets do."""
    return f"{100 * value:.{digits}f}%"


def tenth(value: float | None) -> str:
    """One decimal, for decibels and kilohertz; a dash for what is not defined or infinite."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.1f}"


def rate(value: float) -> str:
    """So many an hour: one decimal, none for nothing at all."""
    return f"{value:.1f}" if value else "0"


def between(low: float, high: float, digits: int = 3) -> str:
    """An interval; nothing where it is not defined."""
    return "" if math.isnan(low) else f"{low:.{digits}f}–{high:.{digits}f}"


def cell(value: Any) -> str:
    """What stands in a table: a text as it is, a count, a figure, a dash for what is missing."""
    if isinstance(value, str):
        return value
    if value is None:
        return DASH
    if isinstance(value, Integral):
        return count(int(value))
    return figure(float(value)) if isinstance(value, Real) else str(value)


def heading(name: str) -> str:
    """The name of a figure as people read it."""
    return name.replace("d_prime", "d′").replace("_", " ")


def short(name: str) -> str:
    """A name that fits beside an axis: at most 26 characters, `…` where some are left out."""
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"


def names(items: list[str], most: int, where: str = "") -> str:
    """The first names of a list, and how many more there are."""
    more = f" … and {len(items) - most} more{where}" if len(items) > most else ""
    return ", ".join(items[:most]) + more
