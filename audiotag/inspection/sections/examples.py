"""A few records to look at and to listen to: a clip a class, the most frequent classes first."""

from __future__ import annotations

import numpy as np

from audiotag.inspection.inspected import Inspected
from audiotag.report.section import Exhibit, Section

_SHOWN = 12


def measure(inspected: Inspected) -> Section:
    """Pictures, and sounds where they are at hand."""
    clips, used = inspected.clips, set()
    exhibits = []
    for index in np.argsort(-inspected.targets.sum(axis=0), kind="stable"):
        rows = [row for row in np.flatnonzero(inspected.targets[:, index] & ~inspected.silent) if row not in used]
        if rows and len(exhibits) < _SHOWN:
            row = rows[len(rows) // 2]
            used.add(row)
            name, cell = inspected.data.labels.names[index], clips["labels"].iloc[row]
            text = f"Split {clips['split'].iloc[row]}." + (f" Labels: {cell}." if cell != name else "")
            exhibits.append(Exhibit(clips["clip_id"].iloc[row], "clip", name, text))
    return Section(
        "Records",
        how="What the network gets: the log-mel of untouched clips, one of each of the most frequent classes. Listen "
        "whether it is what its label says.",
        exhibits=inspected.exhibits(exhibits),
    )
