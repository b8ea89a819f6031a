"""Teachers: run folders, `.keras` files, published models, or several of them averaged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

if TYPE_CHECKING:
    from audiotag.records import Data


@dataclass(frozen=True)
class Teacher:
    """A network with what is needed to trust it.

    Args:
        name: run folder's name, file's stem or published name.
        network: log-mel (batch, frames, mels, 1) to logits (batch, classes).
        labels: classes in the order of the logits.
        front_end: the features it was trained on.
    """

    name: str
    network: keras.Model
    labels: Labels
    front_end: LogMelConfig

    @property
    def sha256(self) -> str:
        """Checksum of its weights: the same for every copy of the model, however and whenever it was saved."""
        digest = hashlib.sha256()
        for weight in self.network.get_weights():
            digest.update(f"{weight.dtype} {weight.shape} ".encode())
            digest.update(np.ascontiguousarray(weight))
        return digest.hexdigest()

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """Logits (batch, classes), float32, of log-mel spectrograms (batch, frames, mels, 1)."""
        return np.asarray(self.network.predict_on_batch(log_mel), np.float32)


@dataclass(frozen=True)
class Ensemble:
    """One teacher or several, whose logits are averaged."""

    teachers: tuple[Teacher, ...]

    @property
    def name(self) -> str:
        """The teachers' names, joined by +."""
        return "+".join(teacher.name for teacher in self.teachers)

    @property
    def sha256(self) -> str:
        """The teacher's checksum; of several, the checksum of theirs in the order given."""
        sums = [teacher.sha256 for teacher in self.teachers]
        return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """Mean logits (batch, classes), float32."""
        return np.mean([teacher.logits(log_mel) for teacher in self.teachers], axis=0, dtype=np.float32)


def load(teacher: str | Path | Sequence[str | Path], data: Data) -> Ensemble:
    """Open a teacher, or several, for a data set.

    Args:
        teacher: run folder, `.keras` file with a card, name of a published model; or a list of them.
        data: the data set that they are to judge.

    Raises:
        AudiotagError: no such teacher, or its labels, features or length of input are not the data set's.
    """
    sources = [teacher] if isinstance(teacher, str | Path) else list(teacher)
    if not sources:
        raise AudiotagError("teaching needs a teacher, received an empty list: name a run, a .keras file or a model")
    opened = tuple(_open(source, data) for source in sources)
    for one in opened:
        _check(one, data)
    return Ensemble(opened)


def _open(source: str | Path, data: Data) -> Teacher:
    path = Path(source)
    if path.is_dir():
        if not (path / "student.keras").exists():
            raise AudiotagError(f"{path} holds no student.keras: finish its training, or name another teacher")
        return _from_file(path / "student.keras", path.resolve().name)
    if path.suffix == ".keras":
        return _from_file(path, path.stem)
    published = models.preset(str(source))
    if published.labels != "audioset":
        raise AudiotagError(f"a teacher names sounds, {published.name} is a start for training: name another teacher")
    labels = models.audioset_labels()
    _check_labels(published.name, labels, data)
    network = models.build(
        published.architecture, classes=len(labels), weights=published.name, mels=published.front_end.mels
    )
    return Teacher(published.name, network, labels, published.front_end)


def _from_file(path: Path, name: str) -> Teacher:
    network, card = models.load(path)
    return Teacher(name, network, card.labels, card.front_end)


def _check(teacher: Teacher, data: Data) -> None:
    _check_labels(teacher.name, teacher.labels, data)
    difference = teacher.front_end.difference(data.front_end)
    if difference:
        raise AudiotagError(
            f"teacher {teacher.name} hears through the front end {teacher.front_end.name!r}, {data.name} was built "
            f"with {data.front_end.name!r} ({difference}): build the data set with the teacher's front end"
        )
    frames = teacher.network.input_shape[1]
    if frames is not None and frames != data.frames:
        raise AudiotagError(
            f"teacher {teacher.name} takes {frames} frames, the examples of {data.name} have {data.frames}: "
            "build the data set with the teacher's seconds"
        )


def _check_labels(name: str, labels: Labels, data: Data) -> None:
    if len(labels) != len(data.labels):
        raise AudiotagError(
            f"a teacher has the data set's labels, {name} has {len(labels)} classes and {data.name} "
            f"{len(data.labels)}: train the teacher on this data set"
        )
    for position, (theirs, ours) in enumerate(zip(labels, data.labels, strict=True)):
        if theirs != ours:
            raise AudiotagError(
                f"a teacher has the data set's labels in the same order, {name} has {theirs!r} where {data.name} has "
                f"{ours!r} (class {position}): train the teacher on this data set"
            )
