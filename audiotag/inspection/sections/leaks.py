"""Recordings that are in two splits: what is tested on was trained on."""

from __future__ import annotations

import pandas

from audiotag.clips import sources
from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.section import Section, Table

_LISTED, _NAMED = 40, 3


def measure(inspected: Inspected) -> Section | None:
    """A table of the recordings, by path, column `recording` and checksum; None where there is one split."""
    if inspected.clips["split"].nunique() < 2:
        return None
    table = leaks(inspected)
    conclusions = []
    for known_by, own in table.groupby("known by", sort=False):
        conclusions.append(
            f"recordings in two splits: {len(own)}, by {known_by} "
            f"({formats.names(own['recording'].tolist(), _NAMED)}): put all clips of a recording into one split and "
            "build again, else what is measured has been learnt by heart"
        )
    return Section(
        "Recordings in two splits",
        how="The same recording by its path, by the column recording, or by its bytes."
        if len(table)
        else "None: no recording is in two splits, by its path, by the column recording, or by its bytes.",
        conclusions=tuple(conclusions),
        tables=(Table.of(table.head(_LISTED)),) if len(table) else (),
        values={"leaks": table},
    )


def leaks(inspected: Inspected) -> pandas.DataFrame:
    """Recordings in several splits: recording, known by, splits (joined by " + "), clips."""
    checksums = {name: source.sha256 for name, source in sources.read(inspected.data.path).items()}
    clips = inspected.clips.assign(checksum=inspected.clips["source"].map(checksums).fillna(""))
    rows, seen = [], set()
    for column, known_by in (("source", "path"), ("recording", "the column recording"), ("checksum", "bytes")):
        for mark, own in clips[clips[column] != ""].groupby(column, sort=True):
            splits = tuple(dict.fromkeys(own["split"]))
            if len(splits) > 1 and (clip_ids := frozenset(own["clip_id"])) not in seen:
                seen.add(clip_ids)
                name = formats.names(list(dict.fromkeys(own["source"])), 2) if column == "checksum" else mark
                rows.append((name, known_by, " + ".join(splits), len(own)))
    return pandas.DataFrame(rows, columns=["recording", "known by", "splits", "clips"])
