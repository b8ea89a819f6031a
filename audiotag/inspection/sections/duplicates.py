"""Clips that are one sound: copies, and copies of another level or shifted in time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas

from audiotag.errors import AudiotagError
from audiotag.inspection import energy
from audiotag.inspection.fingerprints import agreement, candidates, similarity, textures
from audiotag.inspection.inspected import Inspected
from audiotag.report import formats
from audiotag.report.section import Exhibit, Section, Table

_ALIKE, _SAME = 2, 0.75  # words in common, where a pair is looked at; of textures, where it is one sound
_PERHAPS, _AGREE = 0.5, 0.2  # of textures, where waveforms decide; of waveforms, where a pair is one sound
_TOLERANCE = 0.05  # seconds
_LOOKED_AT = 3000  # pairs
_LEAST_SECONDS = 0.3  # in which something moves: less tells nothing of a sound
_COPIES = 2000  # pairs of identical clips that are named
_LISTED, _NAMED, _SEEN = 40, 2, 3
_TOGETHER = 64


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
        facts={} if complete else {"pairs looked at": f"the {_LOOKED_AT:,} whose fingerprints are most alike"},
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
    one_sound = _copies(digests, sounding)
    different = sounding[np.sort(np.unique(digests.astype(str), return_index=True)[1])]
    pairs = different[candidates(inspected.prints[different], _ALIKE, _LOOKED_AT)].tolist()
    complete = len(pairs) < _LOOKED_AT
    related = _related(inspected)
    one_sound = {pair: same for pair, same in one_sound.items() if not related(*pair)}
    pairs = [pair for pair in pairs if not related(*pair)]
    least = _LEAST_SECONDS * inspected.frames_per_second
    of_rows = _textures(inspected, sorted({row for pair in pairs for row in pair}))
    for first, second in pairs:
        value, shift = similarity(of_rows[first].astype(np.float32), of_rows[second].astype(np.float32), least)
        if value >= _SAME or (value >= _PERHAPS and _agree(inspected, first, second, shift)):
            one_sound[first, second] = value, shift
    ids, splits, labels = (inspected.clips[name].to_numpy() for name in ("clip_id", "split", "labels"))
    rows = [
        (
            *(ids[first], ids[second], round(value, 3), round(shift / inspected.frames_per_second, 2)),
            splits[first] if splits[first] == splits[second] else f"{splits[first]} + {splits[second]}",
            *(labels[first], labels[second], "no" if splits[first] == splits[second] else "yes"),
        )
        for (first, second), (value, shift) in one_sound.items()
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


def _agree(inspected: Inspected, first: int, second: int, shift: int) -> bool:
    """Whether the waveforms of two clips agree; False where they are not at hand."""
    ids, rate = inspected.clips["clip_id"], inspected.data.front_end.sample_rate
    try:
        waveforms = [inspected.waveform(ids[row]) for row in (first, second)]
    except AudiotagError:
        return False
    if any(waveform is None for waveform in waveforms):
        return False
    samples = round(shift * rate / inspected.frames_per_second)
    return agreement(*waveforms, samples, round(_TOLERANCE * rate)) >= _AGREE


def _copies(digests: np.ndarray, rows: np.ndarray) -> dict[tuple[int, int], tuple[float, int]]:
    """Pairs of the same log-mel to the bit: each clip with the first one of its kind."""
    first: dict[str, int] = {}
    pairs: dict[tuple[int, int], tuple[float, int]] = {}
    for digest, row in zip(digests.tolist(), rows.tolist(), strict=True):
        if (earlier := first.setdefault(digest, row)) != row and len(pairs) < _COPIES:
            pairs[earlier, row] = 1.0, 0
    return pairs


def _textures(inspected: Inspected, rows: list[int]) -> dict[int, np.ndarray]:
    """Textures of some clips by their rows, float16."""
    if not rows:
        return {}
    data, ids = inspected.data, inspected.clips["clip_id"].to_numpy()
    row_of, of_rows = {ids[row]: row for row in rows}, {}
    unit = energy.nepers(data.front_end)
    for batch in data.batches(clip_ids=list(row_of), batch_size=_TOGETHER):
        values = textures(batch["log_mel"][..., 0], inspected.frames_per_second, unit).astype(np.float16)
        of_rows |= {row_of[clip_id]: texture for clip_id, texture in zip(batch["clip_id"], values, strict=True)}
    return of_rows


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
