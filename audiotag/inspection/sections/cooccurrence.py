"""Which classes sound together: how often, and how much more often than by chance."""

from __future__ import annotations

import numpy as np
import pandas

from audiotag.inspection.inspected import Inspected
from audiotag.report.section import Section, Table

_LISTED, _WRITTEN = 20, 1000
_LEAST = 5  # clips of a pair, of which a lift is listed


def measure(inspected: Inspected) -> Section | None:
    """The most frequent pairs, and those of the highest lift; None where no clip has two classes."""
    table = pairs(inspected.targets, inspected.data.labels.names)
    if not len(table):
        return None
    labels = inspected.targets.sum(axis=1)
    conclusions = []
    always = table[(table["share_of_first"] == 1) & (table["share_of_second"] == 1) & (table["clips"] >= _LEAST)]
    for first, second in always[["class", "with"]].head(_LISTED).itertuples(index=False):
        conclusions.append(
            f"classes together: {first} and {second} are always in the same clips: a network cannot tell them apart; "
            "join them, or add recordings with one of them alone"
        )
    strongest = table[table["clips"] >= _LEAST].sort_values("lift", ascending=False, kind="stable")
    return Section(
        "Classes together",
        how="Clips that have both classes. The lift says how many times as often as by chance: 1 is chance, below it "
        "they avoid each other. What is always heard together is learnt as one sound.",
        conclusions=tuple(conclusions),
        scalars={"labels_a_clip": float(labels.mean())},
        tables=(
            Table.of(table.head(_LISTED), "The most frequent pairs"),
            *((Table.of(strongest.head(_LISTED), "The highest lift"),) if len(strongest) else ()),
        ),
        values={"cooccurrence": table.head(_WRITTEN)},
    )


def pairs(targets: np.ndarray, names: tuple[str, ...]) -> pandas.DataFrame:
    """Pairs of classes that a clip has, the most frequent first.

    Args:
        targets: (clips, classes) bool.
        names: of the classes.

    Returns:
        Columns class, with, clips, lift (share of clips with both, divided by the product of the shares of each),
        share_of_first and share_of_second (of the clips of each class, those that have the other).
    """
    numbers = targets.astype(np.float32)
    together, own = (numbers.T @ numbers).astype(int), targets.sum(axis=0)
    first, second = np.nonzero(np.triu(together, 1))
    clips = together[first, second]
    table = pandas.DataFrame(
        {
            "class": np.array(names, object)[first],
            "with": np.array(names, object)[second],
            "clips": clips,
            "lift": clips * len(targets) / (own[first] * own[second]),
            "share_of_first": clips / own[first],
            "share_of_second": clips / own[second],
        }
    )
    return table.sort_values("clips", ascending=False, kind="stable", ignore_index=True)
