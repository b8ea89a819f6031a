"""Expressions that choose splits: `train`, `fold1..4`, `train+fold2`, `fold1,fold3`, `all`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from audiotag.errors import AudiotagError, suggest


def select(expression: str, known: Sequence[str]) -> list[str]:
    """The splits that an expression names, each once, in the order of the expression.

    Args:
        expression: names joined by `+` or `,`; `fold1..4` is fold1, fold2, fold3, fold4; `all` is every split.
        known: the splits of the data set.

    Raises:
        AudiotagError: an empty expression, a range that runs backwards, or a split that does not exist.
    """
    chosen: dict[str, None] = {}
    for term in re.split(r"[+,]", expression):
        for name in _expand(term.strip(), known):
            if name not in known:
                raise AudiotagError(f"no split is named {name!r}: {suggest(name, known)}")
            chosen[name] = None
    return list(chosen)


def _expand(term: str, known: Sequence[str]) -> Sequence[str]:
    if term == "all":
        return known
    if not term:
        raise AudiotagError(f"splits are named like 'train', 'fold1..4' or 'train+fold2': {suggest(term, known)}")
    span = re.fullmatch(r"(.*?)([0-9]+)\.\.([0-9]+)", term)
    if not span:
        return [term]
    prefix, first, last = span[1], int(span[2]), int(span[3])
    if first > last:
        raise AudiotagError(f"a range of splits runs upwards, received {term!r}: write {prefix}{last}..{first}")
    # A range far past the last fold must not be spelled out before it is refused.
    return [f"{prefix}{number}" for number in range(first, min(last, first + len(known)) + 1)]
