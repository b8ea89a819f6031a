"""The classes that published weights name: AudioSet's, and those of them that YAMNet has."""

from __future__ import annotations

from pathlib import Path

from audiotag.labels import Labels

LEFT_OUT = frozenset({"/m/05zppz", "/m/02zsn", "/m/04gy_2", "/t/dd00003", "/t/dd00004", "/t/dd00032"})
"""AudioSet's classes that YAMNet does not name: male and female speech and singing, battle cry, funny music."""


def audioset_labels() -> Labels:
    """AudioSet's 527 classes in the order of every AudioSet model's outputs; ids are the ontology's mids.

    The class list is that of Google's AudioSet ontology (https://research.google.com/audioset), licensed CC BY 4.0.
    """
    return Labels.read(Path(__file__).with_name("audioset.csv"))


def yamnet_labels() -> Labels:
    """YAMNet's 521 classes in the order of its outputs: AudioSet's 527 without six; ids are the ontology's mids."""
    known = audioset_labels()
    kept = [(key, name) for key, name in zip(known.ids, known.names, strict=True) if key not in LEFT_OUT]
    ids, names = zip(*kept, strict=True)
    return Labels(names, ids)
