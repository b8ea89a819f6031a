"""The published weights that audiotag knows: what they are, which classes they name, where they lie, how good."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from audiotag import frontend, storage
from audiotag.errors import AudiotagError, suggest
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

ENSEMBLE = "ensemble"
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
    kept = [(name, key) for key, name in zip(known.ids, known.names, strict=True) if key not in LEFT_OUT]
    return Labels(*zip(*kept, strict=True))


def audioset_strong_labels() -> Labels:
    """The 447 classes of AudioSet's strong training labels (arXiv 2105.07031) in the order of EfficientSED's outputs.

    They are sorted by name; ids are the ontology's mids, 376 of them those of AudioSet's 527. The list is Google's,
    licensed CC BY 4.0.
    """
    return Labels.read(Path(__file__).with_name("audioset_strong.csv"))


_VOCABULARIES = {"audioset": audioset_labels, "audioset_strong": audioset_strong_labels, "yamnet": yamnet_labels}


@dataclass(frozen=True)
class Preset:
    """Published weights: a row of `presets.csv`.

    Args:
        name: what `build(weights=…)` and `audiotag.load` call them.
        architecture: what `build` calls the network; "ensemble": the mean of the logits of several presets.
        source: address of the checkpoint; of an ensemble, the names of its members joined by +.
        front_end: the log-mel that the weights were trained on.
        seconds: length of the clips they were trained on.
        labels: "audioset" (527 classes), "yamnet" (521 of them), "audioset_strong" (447, of strong labels), or
            "imagenet" (1000, which name no sounds: a start for training).
        mAP: mean average precision on AudioSet's evaluation set as published, percent; None where none is.
        parameters: trained values in millions, as `models.parameters` counts them (running statistics left out).
        macs: multiply-adds for a clip of 10 s in thousand millions, as `models.macs` counts them.
        licence: licence of the weights; "not stated" where their authors state none.
        paper: where the network is described.
        sha256: published checksum; "": recorded at the first download and held to from then on.
        pooling: setting of that name that their clip logits need; "": the architecture's own.
    """

    name: str
    architecture: str
    source: str
    front_end: LogMelConfig
    seconds: float
    labels: str
    mAP: float | None
    parameters: float
    macs: float
    licence: str
    paper: str
    sha256: str = ""
    pooling: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the architecture under which its clip logits are the published ones."""
        return {"pooling": self.pooling} if self.pooling else {}

    @property
    def members(self) -> tuple[str, ...]:
        """The presets of an ensemble; of any other preset, its own name."""
        return tuple(self.source.split("+")) if self.architecture == ENSEMBLE else (self.name,)

    @property
    def megabytes(self) -> float:
        """Size of the weights in float32, MB."""
        return 4 * self.parameters

    @cached_property
    def vocabulary(self) -> Labels:
        """The classes in the order of the outputs.

        Raises:
            AudiotagError: the weights name no sounds.
        """
        if self.labels == "imagenet":
            raise AudiotagError(
                f"{self.name} is a start for training (imagenet) and names no sounds: choose weights of AudioSet"
            )
        return _VOCABULARIES[self.labels]()

    def fetch(self) -> Path:
        """The checkpoint's file, from the cache or downloaded into it."""
        return storage.fetch(self.source, sha256_hex=self.sha256 or None)


def _table() -> dict[str, Preset]:
    with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = ("seconds", "parameters", "macs")
    return {
        row["name"]: Preset(
            **row
            | {number: float(row[number]) for number in numbers}
            | {"mAP": float(row["mAP"]) if row["mAP"] else None, "front_end": frontend.preset(row["front_end"])}
        )
        for row in rows
    }


PRESETS = _table()
"""Every published checkpoint that `build` can load, by name."""


_OF_ARCHITECTURE = {row.architecture: row for row in reversed(PRESETS.values()) if row.labels != "imagenet"}


def preset(name: str) -> Preset:
    """Published weights by name; an architecture's name stands for its AudioSet weights.

    Raises:
        AudiotagError: an unknown name; the nearest is suggested.
    """
    if name not in PRESETS and name not in _OF_ARCHITECTURE:
        raise AudiotagError(f"no published weights are named {name!r}: {suggest(name, PRESETS)}")
    return PRESETS.get(name) or _OF_ARCHITECTURE[name]


def for_architecture(architecture: str) -> Preset:
    """The AudioSet weights of an architecture (its first row in the table).

    Raises:
        AudiotagError: none are published.
    """
    if architecture not in _OF_ARCHITECTURE:
        known = {row.architecture for row in PRESETS.values()}
        raise AudiotagError(f"no AudioSet weights are published for {architecture!r}: {suggest(architecture, known)}")
    return _OF_ARCHITECTURE[architecture]
