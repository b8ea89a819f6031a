"""Clips that are one sound: copies, and copies of another level or shifted in time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas

from audiotag.inspection.fingerprints import candidates
from audiotag.inspection.inspected import Inspected
from audiotag.inspection.pairs import ALIKE, LOOKED_AT, one_sound
from audiotag.report import formats
from audiotag.report.section import Exhibit, Section, Table

_COPIES = 2000  # pairs of identical clips that are named
_LISTED, _NAMED, _SEEN = 40, 2, 3


def measure(inspected: Inspected) -> Section:
    """A table of pairs, those across splits first."""
    table, complete = duplicates(inspected)
    across = table[table["across splits"] == "yes"]
    inside, conclusions = table[table["across splits"] == "no"], []
    if len(across):
        conclusions.append(
            f"near-duplicates in two splits: {len(across)} ({_pairs(across)}): put both into one split, or leave "
            "one out; what is measured on the one has been learnt of the other"
        )
    if len(inside):
        conclusions.append(
            f"near-duplicates within a split: {len(inside)} ({_pairs(inside)}): leave one out where that is not meant"
        )
    disputed = table[table["labels"] != table["other labels"]]
    if len(disputed):
        conclusions.append(
            f"near-duplicates of different labels: {len(disputed)} ({_pairs(disputed)}): correct the one that is wrong"
        )
    how = (
        "Pairs whose fine structure in time and frequency agrees, whatever the level, and with a shift of up to a "
        "third of a clip. The similarity is a correlation: 1 for copies, below 0.3 for different sounds."
        if len(table)
        else "None: no two clips share their fine structure in time and frequency, at any level or shift."
    )
    return Section(
        "Near-duplicates",
        how=how,
        conclusions=tuple(conclusions),
        tables=(Table.of(table.head(_LISTED)),) if len(table) else (),
        exhibits=inspected.exhibits(_exhibits(table)),
        facts={} if complete else {"pairs looked at": f"the {LOOKED_AT:,} whose fingerprints are most alike"},
        values={"duplicates": table},
    )


def duplicates(inspected: Inspected) -> tuple[pandas.DataFrame, bool]:
    """Pairs of clips that are one sound, and whether every pair that is alike was looked at.

    Parts of one recording that are in one split are none: they overlap, or repeat themselves, as recordings do.

    Returns:
        Columns clip_id, other, similarity (0 to 1), shift (seconds by which the other is later), splits, labels and
        other labels, across splits ("yes" or "no"); those across splits first, the most similar first.
    """
    sounding = np.flatnonzero(~inspected.silent)
    digests = inspected.clips["digest"].to_numpy()[sounding]
    copies = _copies(digests, sounding)
    different = sounding[np.sort(np.unique(digests.astype(str), return_index=True)[1])]
    pairs = different[candidates(inspected.prints[different], ALIKE, LOOKED_AT)].tolist()
    complete = len(pairs) < LOOKED_AT
    related = _related(inspected)
    same = {pair: value for pair, value in copies.items() if not related(*pair)}
    same |= one_sound([(first, second) for first, second in pairs if not related(first, second)], inspected, inspected)
    ids, splits, labels = (inspected.clips[name].to_numpy() for name in ("clip_id", "split", "labels"))
    rows = [
        (
            *(ids[first], ids[second], round(value, 3), round(shift / inspected.frames_per_second, 2)),
            splits[first] if splits[first] == splits[second] else f"{splits[first]} + {splits[second]}",
            *(labels[first], labels[second], "no" if splits[first] == splits[second] else "yes"),
        )
        for (first, second), (value, shift) in same.items()
    ]
    columns = ["clip_id", "other", "similarity", "shift", "splits", "labels", "other labels", "across splits"]
    table = pandas.DataFrame(rows, columns=columns)
    order = ["across splits", "similarity"]
    return table.sort_values(order, ascending=[False, False], kind="stable", ignore_index=True), complete


def _related(inspected: Inspected) -> Callable[[int, int], bool]:
    """Whether two rows are parts of one recording in one split."""
    clips = inspected.clips
    recordings = clips["recording"].where(clips["recording"] != "", clips["source"]).tolist()
    marks = list(zip(recordings, clips["split"], strict=True))
    return lambda first, second: marks[first] == marks[second]


def _copies(digests: np.ndarray, rows: np.ndarray) -> dict[tuple[int, int], tuple[float, int]]:
    """Pairs of the same log-mel to the bit: each clip with the first one of its kind."""
    first: dict[str, int] = {}
    pairs: dict[tuple[int, int], tuple[float, int]] = {}
    for digest, row in zip(digests.tolist(), rows.tolist(), strict=True):
        if (earlier := first.setdefault(digest, row)) != row and len(pairs) < _COPIES:
            pairs[earlier, row] = 1.0, 0
    return pairs


def _exhibits(table: pandas.DataFrame) -> list[Exhibit]:
    """Both clips of the first pairs, one after the other."""
    exhibits: dict[str, Exhibit] = {}
    for row in table.head(_SEEN).to_dict("records"):
        for own, other, labels in (("clip_id", "other", "labels"), ("other", "clip_id", "other labels")):
            text = f"{row['similarity']:.3f} similar to {row[other]}, {row['splits']}."
            exhibits.setdefault(row[own], Exhibit(row[own], "one sound", row[labels] or "no label", text))
    return list(exhibits.values())


def _pairs(table: pandas.DataFrame) -> str:
    shown = [f"{first} and {second}" for first, second in table[["clip_id", "other"]].itertuples(index=False)]
    return formats.names(shown, _NAMED)
