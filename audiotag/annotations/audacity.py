"""Labels of Audacity: start, end and text, separated by tabs; of one recording.

The second line of a label with frequencies, which begins with a backslash, is left out. So is a fourth cell, the score
that BirdNET-Analyzer writes. A line of two cells is a point (Audacity 1.2), unless the second is a number: a label
without a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from audiotag import tables
from audiotag.annotations.annotation import Annotation
from audiotag.clips.clip_tables import seconds
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell

_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?")


def read(path: Path, label: str | None = None, keep: Sequence[str] = ()) -> list[Annotation]:
    """Read a label track; arguments as of `reading.read`, of which the file has no columns."""
    annotations = []
    for number, line in enumerate(tables.text(path).splitlines(), 1):
        if not line.strip() or line.startswith("\\"):
            continue
        place = f"{path.name} line {number}"
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) == 2 and not _NUMBER.fullmatch(cells[1]):
            cells = [cells[0], *cells]
        start, end = (
            seconds(cell, name, f"{path} line {number}")
            for cell, name in zip([*cells, ""], ("start", "end"), strict=False)
        )
        if start is None or end is None:
            raise AudiotagError(
                f"{path} line {number}: a label has start, end and text with tabs between, received {line!r}"
            )
        names = split_cell(cells[2]) if len(cells) > 2 else ()
        annotations += [Annotation(start, end, name, place=place) for name in names or ("",)]
    return annotations
