"""Vocabularies brought together: which of a teacher's classes stand for each class of a data set."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError, suggest
from audiotag.labels import Labels

if TYPE_CHECKING:
    from audiotag.records import Data

_SHOWN = 3  # classes named in a message
_REMEDY = "say which class is which with --map map.csv (columns teacher,data)"


@dataclass(frozen=True)
class Mapping:
    """From the classes of a teacher to those of a data set.

    Args:
        sources: for each class of the data set, the positions of the teacher's classes that stand for it; none where
            the teacher does not know it.
        classes: the teacher's number of classes.
    """

    sources: tuple[tuple[int, ...], ...]
    classes: int

    @property
    def is_identity(self) -> bool:
        """Whether both have the same classes in the same order."""
        return self.sources == tuple((position,) for position in range(self.classes))

    def identify(self, sha256: str) -> str:
        """What outputs of a teacher with this checksum are known by, once their classes are matched."""
        return sha256 if self.is_identity else hashlib.sha256(f"{sha256}\n{self.sources}".encode()).hexdigest()

    @cached_property
    def known(self) -> np.ndarray:
        """(classes of the data set,), bool: whether the teacher knows the class."""
        return np.array([bool(positions) for positions in self.sources])

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of the data set's class names that the teacher does not know."""
        return [name for name, known in zip(names, self.known, strict=True) if not known]

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Logits of the data set's classes: the largest of the teacher's that stand for it, NaN where none does.

        Args:
            logits: (batch, the teacher's classes), float32.

        Returns:
            (batch, classes of the data set), float32.
        """
        if self.is_identity:
            return logits
        mapped = np.full((len(logits), len(self.sources)), np.nan, np.float32)
        for position, sources in enumerate(self.sources):
            if sources:
                mapped[:, position] = logits[:, list(sources)].max(axis=1)
        return mapped


Row = tuple[int, str, str]
"""A row of a table of classes: line in the file, class of the teacher, class of the data set."""


def read_table(path: str | Path) -> list[Row]:
    """Read a table that says which class of a teacher stands for which class of a data set.

    Args:
        path: CSV with the columns `teacher` and `data`: names or ids. Several rows for one class of the data set:
            the largest of their logits counts. An empty `teacher`: the class has no teacher.

    Raises:
        AudiotagError: no such file, or not such a table.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            rows = [(reader.line_num, row.get("teacher") or "", row.get("data") or "") for row in reader]
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise AudiotagError(f"{path} is not a table in UTF-8 ({error}): give a CSV file") from error
    if not {"teacher", "data"} <= set(columns):
        raise AudiotagError(f"{path} must have the columns teacher and data, it has {', '.join(columns) or 'none'}")
    return rows


def settle(
    teacher: str, stated: Labels | None, given: Labels | None, outputs: int | None, data: Data
) -> tuple[Labels, tuple[str, ...]]:
    """The classes of a teacher's logits.

    Args:
        teacher: its name, for messages.
        stated: what it says itself.
        given: what the user says.
        outputs: how many it has; None: not known before it is used.
        data: the data set, whose classes are taken where nobody says anything.

    Returns:
        The classes, and what was assumed.

    Raises:
        AudiotagError: both say something, or the number is not that of the outputs.
    """
    if stated is not None and given is not None:
        raise AudiotagError(f"labels are for a teacher that does not state its own, {teacher} does: leave them out")
    labels = stated or given or data.labels
    if outputs not in (None, len(labels)):
        whose = f"{data.name} has" if labels is data.labels else "its labels are"
        raise AudiotagError(
            f"a teacher needs one label an output, {teacher} has logits of {outputs} classes, {whose} {len(labels)}: "
            "say what the classes are with --labels labels.csv (columns index,id,name)"
        )
    if labels is not data.labels:
        return labels, ()
    return labels, (f"{teacher} does not state its classes: taken for those of {data.name} in their order",)


def vocabulary(labels: Labels | str | Path | Sequence[str], owner: str) -> Labels:
    """Labels from whatever states them: a vocabulary, the path of a `labels.csv`, or names in order.

    Raises:
        AudiotagError: none of these.
    """
    if isinstance(labels, Labels):
        return labels
    if isinstance(labels, str | Path):
        return Labels.read(Path(labels))
    names = list(labels) if isinstance(labels, Iterable) else [labels]
    if not all(isinstance(name, str) for name in names):
        raise AudiotagError(
            f"labels of {owner} are a Labels, a path of a labels.csv or names in the order of the logits, "
            f"received {type(labels).__name__}: name the classes"
        )
    return Labels(tuple(names))


def between(teacher: str, theirs: Labels, data: Data, table: str | Path | None = None) -> Mapping:
    """Match a teacher's classes with a data set's: by id, then by name, whatever the case of its letters.

    Ids that are bare numbers do not match: they count the rows of some table.

    Args:
        teacher: its name, for messages.
        theirs: its classes in the order of its logits.
        data: the data set.
        table: CSV table (see `read_table`) that decides for the classes of the data set that it names.

    Raises:
        AudiotagError: the teacher knows no class, or, where the task is multiclass, not every class; a row of the
            table names a class that is not there.
    """
    ours = data.labels
    sources: list[set[int]] = [{position} for position in range(len(ours))]
    if theirs.names != ours.names:
        sources = [set(theirs.matching(*one)) for one in zip(ours.ids, ours.names, strict=True)]
    if table is not None:
        for position, decided in _decided(teacher, theirs, data, table).items():
            sources[position] = decided
    mapping = Mapping(tuple(tuple(sorted(one)) for one in sources), len(theirs))
    _check(teacher, theirs, data, mapping)
    return mapping


def _first_few(names: Sequence[str]) -> str:
    """Names for a message: the first ones, and a sign that there are more."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def _decided(teacher: str, theirs: Labels, data: Data, table: str | Path) -> dict[int, set[int]]:
    """The teacher's classes for each class of the data set that a table names."""
    decided: dict[int, set[int]] = {}
    for line, their_class, our_class in read_table(table):
        if not our_class.strip():
            raise AudiotagError(f"{table} line {line}: the column data names a class of {data.name}, it is empty")
        for position in _find(data.labels, our_class.strip(), data.name, table, line):
            standing = decided.setdefault(position, set())
            if their_class.strip():
                standing |= _find(theirs, their_class.strip(), teacher, table, line)
    return decided


def _find(labels: Labels, wanted: str, owner: str, table: str | Path, line: int) -> set[int]:
    if wanted in labels.ids:
        return {labels.ids.index(wanted)}
    if not (found := labels.matching(wanted, wanted)):
        raise AudiotagError(f"{table} line {line}: {owner} has no class {wanted!r}: {suggest(wanted, labels.names)}")
    return set(found)


def _check(teacher: str, theirs: Labels, data: Data, mapping: Mapping) -> None:
    missing = mapping.unknown(data.labels)
    if len(missing) == len(data.labels):
        raise AudiotagError(
            f"a teacher must know a class of the data set, {teacher} has {len(theirs)} ({_first_few(theirs.names)}) "
            f"and none of the {len(missing)} of {data.name} ({_first_few(missing)}): {_REMEDY}"
        )
    if missing and data.task == "multiclass":
        raise AudiotagError(
            f"a teacher of a multiclass data set must know all of its classes, {teacher} lacks {len(missing)} of the "
            f"{len(data.labels)} of {data.name} ({_first_few(missing)}): {_REMEDY}"
        )
