"""Teachers of a data set: each hears its records in its own way and speaks its classes; several are averaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from audiotag.distill import functions, hearing, mapping, networks
from audiotag.distill.functions import Function
from audiotag.distill.hearing import Hearing
from audiotag.distill.mapping import Mapping
from audiotag.distill.networks import Teacher
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

if TYPE_CHECKING:
    from audiotag.records import Data

Source = str | Path | keras.Model | Callable[[np.ndarray], Any]
"""What names a teacher, or is one."""


@dataclass(frozen=True)
class Judge:
    """A teacher before a data set.

    Args:
        teacher: who judges.
        hearing: what it is given of a record.
        mapping: from its classes to the data set's.
    """

    teacher: Teacher | Function
    hearing: Hearing
    mapping: Mapping

    @property
    def sha256(self) -> str:
        """The teacher's checksum; where its classes are not the data set's, with how they were matched."""
        return self.mapping.identify(self.teacher.sha256)

    def logits(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """Logits (batch, classes of the data set), float32; NaN for a class that it does not know."""
        return self.mapping.apply(self.teacher.logits(self.hearing.input(batch)))


@dataclass(frozen=True)
class Ensemble:
    """One teacher or several, whose logits are averaged."""

    judges: tuple[Judge, ...]

    @property
    def name(self) -> str:
        """The teachers' names, joined by +."""
        return "+".join(judge.teacher.name for judge in self.judges)

    @property
    def source(self) -> str:
        """Where the outputs come from, for people."""
        return self.judges[0].teacher.source if len(self.judges) == 1 else f"models {self.name}"

    @property
    def sha256(self) -> str:
        """The teacher's checksum; of several, the checksum of theirs in the order given."""
        sums = [judge.sha256 for judge in self.judges]
        return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()

    @cached_property
    def known(self) -> np.ndarray:
        """(classes,), bool: whether any of them knows the class."""
        return np.any([judge.mapping.known for judge in self.judges], axis=0)

    @property
    def needs_waveforms(self) -> bool:
        """Whether the log-mel of the records is not enough."""
        return not all(judge.hearing.stored for judge in self.judges)

    @property
    def notes(self) -> list[str]:
        """What people should know: what was assumed, and what each teacher hears unless it is the records' log-mel."""
        heard = [
            f"{judge.teacher.name} hears {judge.hearing.describe()}"
            for judge in self.judges
            if not judge.hearing.stored
        ]
        return [note for judge in self.judges for note in judge.teacher.notes] + heard

    def logits(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """Mean logits (batch, classes), float32, of those that know the class; NaN where none does."""
        given = [judge.logits(batch) for judge in self.judges]
        if all(judge.mapping.known.all() for judge in self.judges):
            return np.mean(given, axis=0, dtype=np.float32)
        knows = np.stack([judge.mapping.known for judge in self.judges])[:, None]
        total = np.where(knows, given, 0).sum(axis=0, dtype=np.float32)
        return np.where(self.known, total / np.maximum(knows.sum(axis=0), 1), np.nan).astype(np.float32)


def load(
    teacher: Source | Sequence[Source],
    data: Data,
    labels: Labels | str | Path | Sequence[str] | None = None,
    table: str | Path | None = None,
) -> Ensemble:
    """Open a teacher, or several, for a data set.

    Args:
        teacher: see `distill.teach`.
        data: the data set that they are to judge.
        labels: classes of the teachers, where they do not state them.
        table: table of classes; see `mapping.read_table`.

    Raises:
        AudiotagError: no such teacher, or its labels, what it hears or the length of its input do not fit.
    """
    sources = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    if not sources:
        raise AudiotagError("teaching needs a teacher, received an empty list: name a run, a .keras file or a model")
    given = None if labels is None else mapping.vocabulary(labels, "the teacher")
    return Ensemble(tuple(_judge(_open(source, given, data, table), data, table) for source in sources))


def _judge(teacher: Teacher | Function, data: Data, table: str | Path | None) -> Judge:
    mapped = mapping.between(teacher.name, teacher.labels, data, table)
    heard = hearing.of(teacher.name, teacher.hears, data)
    hearing.check_length(teacher.name, heard, teacher.length, data)
    return Judge(teacher, heard, mapped)


def _open(source: Source, labels: Labels | None, data: Data, table: str | Path | None) -> Teacher | Function:
    if isinstance(source, keras.Model):
        return networks.from_model(source, source.name, labels, data)
    if not isinstance(source, str | Path):
        return functions.function(source, labels, data)
    path = Path(source)
    if path.is_dir():
        return networks.from_run(path, labels, data)
    if path.suffix == ".keras":
        return networks.from_file(path, path.stem, labels, data)
    if functions.is_named(str(source)):
        found = functions.find(str(source))
        if isinstance(found, keras.Model):
            return networks.from_model(found, str(source).replace(":", "."), labels, data)
        return functions.named(str(source), found, labels, data)
    return networks.published(str(source), labels, data, table)
