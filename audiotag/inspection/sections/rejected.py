"""Clips that are not in the records, and why."""

from __future__ import annotations

import re

import pandas

from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.section import Section, Table

_LISTED, _NAMED = 20, 3


def measure(inspected: Inspected) -> Section | None:
    """A table of reasons; None where nothing was rejected."""
    table = reasons(inspected.rejected)
    if not len(table):
        return None
    clips, every = len(inspected.rejected), len(inspected.rejected) + len(inspected.clips)
    names = formats.names(inspected.rejected["clip_id"].tolist(), _NAMED)
    return Section(
        "Rejected clips",
        how="Clips that were declared and are not in the records; all of them are in rejected.csv.",
        conclusions=(
            f"rejected clips: {clips} of {every} ({names}), not in the records: repair what the reasons name, and "
            "run the same build again",
        ),
        tables=(Table.of(table.head(_LISTED)),),
        values={"rejected": inspected.rejected[["clip_id", "source", "split", "labels", "reason"]]},
    )


def reasons(rejected: pandas.DataFrame) -> pandas.DataFrame:
    """Reasons, the most frequent first: reason (names of files and numbers left out), clips, for one."""
    rows: dict[str, list] = {}
    for clip_id, source, reason in rejected[["clip_id", "source", "reason"]].itertuples(index=False):
        name = source.rpartition("/")[2]
        kind = re.sub(r"\d+(\.\d+)?", "…", reason.replace(source, "it").replace(name, "it"))
        rows.setdefault(kind, [kind, 0, clip_id])[1] += 1
    table = pandas.DataFrame(list(rows.values()), columns=["reason", "clips", "for one"])
    return table.sort_values("clips", ascending=False, kind="stable", ignore_index=True)
