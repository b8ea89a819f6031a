"""TextGrids of Praat: intervals and points in tiers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from audiotag.annotations.annotation import Annotation
from audiotag.annotations.tiers import choose
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell


def read(path: Path, label: str | None = None, keep: Sequence[str] = ()) -> list[Annotation]:
    """Read a TextGrid, in which an interval without a text is none; arguments as of `reading.read`."""
    try:
        from praatio import textgrid
    except ImportError as error:
        raise AudiotagError(f'{path} needs praatio, which is not here: pip install "audiotag[annotations]"') from error
    try:
        grid = textgrid.openTextgrid(str(path), False, reportingMode="silence", duplicateNamesMode="rename")
        entries = {tier.name: [tuple(entry) for entry in tier.entries] for tier in grid.tiers}
    except Exception as error:  # of a damaged file, whatever Python raises
        reason = " ".join(str(error).split())
        raise AudiotagError(
            f"{path} is no TextGrid in text ({type(error).__name__}: {reason}): save it again"
        ) from error
    annotations = []
    for tier in choose(path, {name: len(own) for name, own in entries.items()}, label):
        for number, (onset, *offset, text) in enumerate(entries[tier], 1):
            place = f"{path.name} tier {tier} entry {number}"
            span = (float(onset), float(offset[0] if offset else onset))
            if not all(map(math.isfinite, span)):
                raise AudiotagError(f"{place}: times are seconds, received {span[0]} to {span[1]}: save {path} again")
            annotations += [Annotation(*span, name, place=place) for name in split_cell(text)]
    return annotations
