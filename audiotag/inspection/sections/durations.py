"""How long clips are in their recordings, beside the length that the network hears."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.section import Section, Table

_TOLERANCE = 0.02
_MOSTLY_FILLED = 0.5
_NAMED = 3


def measure(inspected: Inspected) -> Section | None:
    """A table by split; None where no clip's length is known."""
    data, seconds = inspected.data, inspected.clips["seconds"]
    if inspected.heard != "recordings":  # kept waveforms have been cut and filled up
        return None
    known = seconds.notna()
    length = data.seconds
    filled = known & (seconds < _MOSTLY_FILLED * length)
    cut = known & (seconds > (1 + _TOLERANCE) * length)
    conclusions = []
    if filled.any():
        how = "played again" if data.pad == "repeat" else "silent"
        conclusions.append(
            f"short clips: {filled.sum()} ({_some(inspected, filled)}), shorter than half of the {length:g} s that the "
            f"network hears, the rest is {how}: build with --seconds nearer to {seconds[known].median():.2g}"
        )
    if cut.any():
        conclusions.append(
            f"long clips: {cut.sum()} ({_some(inspected, cut)}), longer than {length:g} s, and what comes after is "
            "not in the records: cut them into several clips, or build with more --seconds"
        )
    return Section(
        "Lengths",
        how=f"Seconds of the clips as they are played, beside the {length:g} s of a record. Shorter ones are filled up "
        f"({'the sound again' if data.pad == 'repeat' else 'with silence'}), longer ones are cut.",
        conclusions=tuple(conclusions),
        tables=(Table.of(by_split(inspected)),),
        values={"lengths": by_split(inspected)},
    )


def by_split(inspected: Inspected) -> pandas.DataFrame:
    """A row a split, and all: clips, hours, shortest, median, longest, filled up, cut."""
    splits, rows = inspected.clips["split"].to_numpy(), []
    seconds, length = inspected.clips["seconds"].to_numpy(), inspected.data.seconds
    for split in (*inspected.data.splits, "all"):
        own = seconds[np.ones(len(splits), bool) if split == "all" else splits == split]
        own = own[~np.isnan(own)]
        if len(own):
            row = {"split": split, "clips": len(own), "hours": own.sum() / 3600}
            row |= {"shortest": own.min(), "median": np.median(own), "longest": own.max()}
            row |= {"filled up": int((own < (1 - _TOLERANCE) * length).sum())}
            rows.append(row | {"cut": int((own > (1 + _TOLERANCE) * length).sum())})
    return pandas.DataFrame(rows)


def _some(inspected: Inspected, chosen: pandas.Series) -> str:
    return formats.names(inspected.clips["clip_id"][chosen].tolist(), _NAMED)
