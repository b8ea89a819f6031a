"""What an exported file says about itself, so that it is opened without being told anything."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audiotag.clip_format import ClipFormat, HoldsClipFormat
from audiotag.errors import AudiotagError
from audiotag.scorers.foreign import file_checksum
from audiotag.scorers.inputs import Input, LogMelInput, WaveformInput, of_clips, of_size
from audiotag.scorers.scorer import Scorer

CARD = "audiotag.json"
"""Its name inside a file: a member of the archive at the end of a LiteRT file, an asset of a SavedModel."""

PROPERTY = "audiotag"
"""Its key among the metadata properties of an ONNX model."""

SCORES, FRAMES, EMBEDDING = "scores", "frames", "embedding"
"""Names of the outputs; the first is always there."""

Takes = Literal["waveform", "log-mel"]
Run = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Inputs, float32, to every output by its name."""


@dataclass(frozen=True)
class Card(HoldsClipFormat):
    """What an exported file says about itself.

    Args:
        name: of what was exported.
        clip_format: the clips that it was trained on, and the classes.
        takes: "waveform" (batch, samples), or "log-mel" (batch, frames, mels, 1).
        length: samples or frames that it takes; None: any.
        precision: "float32", "float16", "dynamic" or "int8".
        outputs: names of the outputs in their order: "scores" (batch, classes), calibrated probabilities; where they
            were asked for "frames" (batch, steps, classes), of notes (batch, steps, 88, 4) and of speech (batch, steps,
            1 + classes), and "embedding" (batch, dim).
        sha256: checksum of the weights that were exported, as of `Scorer.sha256`.
        version: of audiotag that wrote it.
        calibration: what the scores have gone through, for people; "": nothing.
        thresholds: score from which each class counts as found, (classes,). None: it has none.
        thresholds_from: where they come from, for people.
        step_seconds: distance of two steps of the output "frames", and the centre of the first; None: there are none.
    """

    name: str
    clip_format: ClipFormat
    takes: Takes
    length: int | None
    precision: str
    outputs: tuple[str, ...]
    sha256: str
    version: str
    calibration: str = ""
    thresholds: tuple[float, ...] | None = None
    thresholds_from: str = ""
    step_seconds: tuple[float, float] | None = None

    @property
    def input(self) -> Input:
        """What it takes, as a scorer states it."""
        if self.takes == "log-mel":
            return LogMelInput(self.front_end, self.length)
        return WaveformInput(self.sample_rate, self.length, self.pad)

    def to_json(self) -> str:
        """Every field by name."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps(fields | {"clip_format": self.clip_format.to_dict()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes, owner: Path) -> Card:
        """The card that `to_json` wrote.

        Args:
            text: JSON.
            owner: the file that holds it, for messages.

        Raises:
            AudiotagError: it is damaged, or of a later audiotag.
        """
        try:
            fields = json.loads(text)
            own = {name: fields[name] and tuple(fields[name]) for name in ("outputs", "thresholds", "step_seconds")}
            return cls(**(fields | own | {"clip_format": ClipFormat.from_dict(fields["clip_format"])}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AudiotagError(
                f"what {owner} says about itself cannot be read ({error!r}): export it again, or take the audiotag "
                "that wrote it"
            ) from error


def at_the_end_of(path: Path) -> Card | None:
    """The card in the archive at the end of a file, where files that belong to a LiteRT model lie; None without one."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            return Card.from_json(archive.read(CARD), path) if CARD in archive.namelist() else None
    except zipfile.BadZipFile as error:
        raise AudiotagError(f"the archive at the end of {path} is damaged ({error}): export it again") from error


def scorer(card: Card, kind: str, path: Path, run: Run, batch: int | None, about: dict[str, Any]) -> Scorer:
    """The scorer of an exported file.

    Args:
        card: what it says about itself.
        kind: as of `Scorer`.
        path: of the file or folder.
        run: what it takes to its outputs by name.
        batch: inputs at a time; None: any number.
        about: further facts for people.
    """

    def scores(inputs: np.ndarray) -> np.ndarray:
        return run(inputs)[SCORES]

    takes, window = card.input, card.frames if card.takes == "log-mel" else card.samples
    return Scorer(
        name=path.resolve().name if path.is_dir() else path.stem,
        kind=kind,
        path=path,
        input=takes,
        run=of_clips(takes, scores if batch is None else of_size(scores, batch)),
        labels=card.labels,
        task=card.task,
        outputs="scores",
        seconds=card.seconds if card.length in (None, window) else takes.seconds,
        pad=card.pad,
        speed=card.speed,
        checksum=lambda: file_checksum(path),
        about={
            "input": takes.describe(),
            "exported from": card.name,
            "precision": card.precision,
            **({"calibration": card.calibration} if card.calibration else {}),
            **about,
        },
        thresholds=None if card.thresholds is None else np.array(card.thresholds),
        thresholds_from=card.thresholds_from,
    )
