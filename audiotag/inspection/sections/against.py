"""Sounds that another data set has too: what is trained on the one must not be measured on the other."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.inspection.fingerprints import candidates
from audiotag.inspection.inspected import Inspected
from audiotag.inspection.pairs import ALIKE, LOOKED_AT, one_sound
from audiotag.report import formats
from audiotag.report.section import Section, Table

_LISTED, _NAMED = 40, 3


def measure(inspected: Inspected) -> Section | None:
    """A table of pairs; None where no other data set was named."""
    if (other := inspected.against) is None:
        return None
    table, complete = shared(inspected, other)
    conclusions = ()
    if len(table):
        shown = [f"{own} is {others}" for own, others in table[["clip_id", "other"]].itertuples(index=False)]
        conclusions = (
            f"sounds that {other.data.name} has too: {len(table)} ({formats.names(shown, _NAMED)}): leave them out "
            "where one set is trained on and the other measured",
        )
    return Section(
        f"Sounds of {other.data.name}",
        how="Pairs whose fine structure in time and frequency agrees, whatever the level and the place in the clips. "
        "The similarity is a correlation: 1 for copies, below 0.3 for different sounds."
        if len(table)
        else f"None: no clip shares its fine structure in time and frequency with one of {other.data.name}.",
        conclusions=conclusions,
        tables=(Table.of(table.head(_LISTED)),) if len(table) else (),
        facts={"compared with": f"{formats.count(len(other.clips))} clips of {other.data.path}"}
        | ({} if complete else {"pairs looked at": f"the {LOOKED_AT:,} whose fingerprints are most alike"}),
        values={"against": table},
    )


def shared(inspected: Inspected, other: Inspected) -> tuple[pandas.DataFrame, bool]:
    """Clips that are one sound with a clip of another data set, and whether every pair that is alike was looked at.

    Returns:
        Columns clip_id, other, similarity (0 to 1), shift (seconds by which the other is later), labels and other
        labels; the most similar first.
    """
    rows = [np.flatnonzero(~part.silent) for part in (inspected, other)]
    prints = np.concatenate([part.prints[own] for part, own in zip((inspected, other), rows, strict=True)])
    pairs = candidates(prints, ALIKE, LOOKED_AT, between=len(rows[0]))
    placed = [(int(rows[0][own]), int(rows[1][others - len(rows[0])])) for own, others in pairs.tolist()]
    same = _copies(inspected, other, *rows) | one_sound(placed, inspected, other)
    found = [
        (
            *(inspected.clips["clip_id"][own], other.clips["clip_id"][others], round(value, 3)),
            round(shift / inspected.frames_per_second, 2),
            *(inspected.clips["labels"][own], other.clips["labels"][others]),
        )
        for (own, others), (value, shift) in same.items()
    ]
    columns = ["clip_id", "other", "similarity", "shift", "labels", "other labels"]
    table = pandas.DataFrame(found, columns=columns)
    return table.sort_values("similarity", ascending=False, kind="stable", ignore_index=True), len(pairs) < LOOKED_AT


def _copies(
    inspected: Inspected, other: Inspected, own: np.ndarray, others: np.ndarray
) -> dict[tuple[int, int], tuple[float, int]]:
    """Pairs of the same log-mel to the bit: steady sounds have no fingerprint."""
    row_of = dict(zip(other.clips["digest"][others], others.tolist(), strict=True))
    digests = zip(own.tolist(), inspected.clips["digest"][own], strict=True)
    return {(row, row_of[digest]): (1.0, 0) for row, digest in digests if digest in row_of}
