"""Clips that hold nothing above a frequency far below what the front end hears: recorded at a low rate."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.section import Exhibit, Section, Table

_LOW_RATE = 0.75  # of the highest frequency of the front end, which half the rate must reach
_SEEN, _NAMED = 4, 3


def measure(inspected: Inspected) -> Section:
    """A table of the frequencies up to which clips go, and those that end far below the top."""
    top, table = inspected.data.front_end.fmax, narrow(inspected)
    counts = table.groupby("nothing above kHz", sort=True).size().reset_index(name="clips") if len(table) else table
    conclusions, exhibits = [], ()
    if len(table):
        classes = table["labels"].value_counts()
        most = formats.names([f"{name} {count}" for name, count in classes.items()], _NAMED)
        lowest = counts["nothing above kHz"].min()
        conclusions.append(
            f"narrow clips: {len(table)} of {len(inspected.clips)}, nothing above {lowest:g} to "
            f"{counts['nothing above kHz'].max():g} kHz, where {top / 1000:g} kHz are heard "
            f"({formats.names(table['clip_id'].tolist(), _NAMED)}; {most}): a network learns the edge where one "
            "class has it more often than others; take recordings of a higher rate, or build all with a front end that "
            "ends there"
        )
        exhibits = inspected.exhibits([_exhibit(row) for row in table.head(_SEEN).to_dict("records")])
    return Section(
        "Bandwidth",
        how=f"The front end hears up to {top / 1000:g} kHz. "
        + (
            "These clips end below it with an edge, as what was recorded at a low rate or over a telephone does."
            if len(table)
            else "Every clip reaches up there, or fades as sounds do: none ends at an edge."
        ),
        conclusions=tuple(conclusions),
        tables=(_shown(counts, "Where they end"), _shown(table.head(20), "Clips")) if len(table) else (),
        exhibits=exhibits,
        values={"bandwidth": table},
    )


def narrow(inspected: Inspected) -> pandas.DataFrame:
    """Clips that end below the top, the narrowest first: clip_id, split, labels, nothing above kHz, known from."""
    clips, top = inspected.clips, inspected.data.front_end.fmax
    by_rate = np.where(clips["rate"] > 0, clips["rate"] / 2, np.nan)
    by_rate = np.where(by_rate < _LOW_RATE * top, by_rate, np.nan)
    ends = np.fmin(by_rate, clips["edge"].to_numpy(float))
    source = np.where(by_rate == by_rate, "its file's rate", "its log-mel")
    table = clips[["clip_id", "split", "labels"]].assign(ends=np.round(ends / 1000, 1), source=source)
    table = table[~np.isnan(ends) & ~inspected.silent].rename(
        columns={"ends": "nothing above kHz", "source": "known from"}
    )
    return table.sort_values("nothing above kHz", kind="stable", ignore_index=True)


def _shown(table: pandas.DataFrame, title: str) -> Table:
    return Table.of(table.assign(**{"nothing above kHz": table["nothing above kHz"].map(formats.tenth)}), title)


def _exhibit(row: dict) -> Exhibit:
    text = f"Nothing above {row['nothing above kHz']:g} kHz, known from {row['known from']}."
    return Exhibit(row["clip_id"], "narrow", row["labels"] or "no label", text)
