"""Clips of every class in every split, and classes that a split lacks."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.section import Section, Table

_UNEVEN = 10  # times as many clips
_FEW = 10  # clips
_NAMED = 8


def measure(inspected: Inspected) -> Section:
    """A table of classes by splits."""
    table = counts(inspected)
    splits, names = [name for name in table if name not in ("class", "all")], table["class"].tolist()
    conclusions = []
    if unused := [name for name, clips in zip(names, table["all"], strict=True) if not clips]:
        conclusions.append(
            f"classes: {_named(unused)} of {len(names)} have no clip: nothing can be learnt or measured of them; add "
            "recordings, or take them out of the labels"
        )
    for split in splits:
        if lacking := [
            name for name, *both in table[["class", split, "all"]].itertuples(index=False) if both[1] > both[0] == 0
        ]:
            conclusions.append(
                f"classes: {split} has no clip of {_named(lacking)}: what is trained on it does not learn them, what "
                "is measured on it does not count them; move recordings of them there"
            )
    if rare := [name for name, clips in zip(names, table["all"], strict=True) if 0 < clips < _FEW]:
        conclusions.append(f"classes: fewer than {_FEW} clips of {_named(rare)}: record more of them, or join classes")
    present = table["all"][table["all"] > 0]
    if len(present) and present.max() > _UNEVEN * present.min():
        ratio = round(present.max() / present.min())
        conclusions.append(
            f"classes: the most frequent one has {ratio} times the clips of the rarest: train with --balance"
        )
    if without := int((~inspected.targets.any(axis=1)).sum()):
        conclusions.append(
            f"classes: {without} of {len(inspected.clips)} clips have no label, which says that none of the classes "
            "sounds in them: label them where that is not so"
        )
    return Section(
        "Classes",
        how="Clips of each class by split. A class is learnt from as many clips as a training split has of it, and "
        "measured on as many as the test split has.",
        conclusions=tuple(conclusions),
        tables=(Table.of(table),),
        values={"classes": table},
    )


def counts(inspected: Inspected) -> pandas.DataFrame:
    """Columns class, a column a split, all; a row a class in the order of the labels."""
    splits = inspected.clips["split"].to_numpy()
    of_splits = {split: inspected.targets[splits == split].sum(axis=0) for split in inspected.data.splits}
    names = np.array(inspected.data.labels.names, dtype=object)
    return pandas.DataFrame({"class": names, **of_splits, "all": inspected.targets.sum(axis=0)})


def _named(names: list[str]) -> str:
    return formats.names(names, _NAMED)
