"""Markdown that TensorBoard renders: tables, and any text of users shown as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

_SIGNS = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$-]")


def plain(text: str) -> str:
    """A text in which no sign has a meaning for Markdown or HTML, on one line."""
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))


def cell(value: Any) -> str:
    """A value in a table: counts with separated thousands, other numbers with three decimals, a dash for none."""
    import pandas

    if isinstance(value, str):
        return plain(value)
    if value is None or pandas.isna(value):
        return "—"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return f"{value:.3f}" if math.isfinite(value) else "∞"


def rows(header: Sequence[str], content: Iterable[Sequence[Any]]) -> str:
    """A table; of its columns the first holds names and the others numbers, which end at the same place."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    lines += [[cell(value) for value in row] for row in content]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def frame(table: pandas.DataFrame) -> str:
    """A table of pandas, without its index and the columns that hold nothing."""
    kept = table.dropna(axis="columns", how="all")
    return rows([plain(str(name)) for name in kept.columns], kept.itertuples(index=False))


def facts(about: str, content: dict[str, str]) -> str:
    """Names and texts, a line each, under what they are about."""
    return rows([about, ""], content.items()).replace("---:", "---")
