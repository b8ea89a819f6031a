"""The classes of a model or a table: who states them, and which of them stand for each class of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from audiotag import tables
from audiotag.errors import AudiotagError, suggest
from audiotag.labels import Labels
from audiotag.records import Data

Vocabulary = Labels | str | Path | Sequence[str]
"""What states classes: a vocabulary, a file of them, or their names in order."""

_BESIDE = ("labels.csv", "labels.txt")
_SHOWN, _LISTED = 3, 10


def read(stated: Vocabulary, owner: str) -> Labels:
    """A vocabulary from whatever states it.

    Args:
        stated: a `Labels`; the path of a `labels.csv` (columns index,id,name) or of a text with a name a line; or names
            in the order of the outputs.
        owner: whose classes they are, for messages.

    Raises:
        AudiotagError: no such file, or none of these.
    """
    if isinstance(stated, Labels):
        return stated
    if isinstance(stated, str | Path):
        return _file(Path(stated))
    names = list(stated) if isinstance(stated, Iterable) else [stated]
    if not all(isinstance(name, str) for name in names):
        raise AudiotagError(
            f"labels of {owner} are a Labels, a path of a labels.csv or names in the order of the logits, "
            f"received {type(stated).__name__}: name the classes"
        )
    return Labels(tuple(names))


def _file(path: Path) -> Labels:
    if path.suffix == ".csv":
        return Labels.read(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not a text with a class name a line ({error}): write one") from error
    return Labels(tuple(line.strip() for line in lines if line.strip()))


def settle(
    name: str, path: Path, option: Vocabulary | None, outputs: int | None, data: Data | None
) -> tuple[Labels, tuple[str, ...]]:
    """The classes of a model that does not state them, and what was assumed.

    The option decides; else a file beside the model; else they are the data set's in their order.

    Args:
        name: of the model, for messages.
        path: its file or folder; `labels.csv` or `labels.txt` in the folder or beside the file state its classes.
        option: what the user says. Default: nothing.
        outputs: how many it has; None: not known.
        data: the data set; None: there is none.

    Raises:
        AudiotagError: another number of classes than outputs, or nobody states them.
    """
    places = [path / file for file in _BESIDE] if path.is_dir() else []
    places += [path.parent / file for file in _BESIDE] if path.exists() else []
    beside = next((place for place in places if place.is_file()), None)
    notes: tuple[str, ...] = ()
    if option is not None:
        labels, whose = read(option, name), "its labels are"
    elif beside is not None:
        labels, whose = _file(beside), f"{beside} names"
        notes = (f"the classes of {name} are those of {beside}",)
    elif data is not None:
        labels, whose = data.labels, f"{data.name} has"
        notes = (f"{name} does not state its classes: taken for those of {data.name} in their order",)
    else:
        raise AudiotagError(
            f"{name} does not state its classes: name a file of them with --labels (labels.csv, or a text with a name "
            "a line), or a data set that has them with --data"
        )
    if outputs not in (None, len(labels)):
        raise AudiotagError(
            f"a model has one class an output, {name} has {outputs} outputs, {whose} {len(labels)}: say what they are "
            "with --labels labels.csv (columns index,id,name) or a text with a name a line"
        )
    return labels, notes


@dataclass(frozen=True)
class Matching:
    """From the classes of a model to those of a data set.

    Args:
        sources: for each class of the data set, the positions of the model's classes that stand for it; none where
            the model does not know it.
        classes: the model's number of classes.
    """

    sources: tuple[tuple[int, ...], ...]
    classes: int

    @property
    def is_identity(self) -> bool:
        """Whether both have the same classes in the same order."""
        return self.sources == tuple((position,) for position in range(self.classes))

    def identify(self, sha256: str) -> str:
        """What outputs of a model with this checksum are known by, once their classes are matched."""
        return sha256 if self.is_identity else hashlib.sha256(f"{sha256}\n{self.sources}".encode()).hexdigest()

    @cached_property
    def known(self) -> np.ndarray:
        """(classes of the data set,), bool: whether the model knows the class."""
        return np.array([bool(positions) for positions in self.sources])

    def unknown(self, labels: Labels) -> list[str]:
        """Names of those of the data set's classes that the model does not know."""
        return [name for name, known in zip(labels, self.known, strict=True) if not known]

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Outputs of the data set's classes: the largest of the model's that stand for it, NaN where none does.

        Args:
            values: (batch, the model's classes), logits or scores.

        Returns:
            (batch, classes of the data set), of the same type.
        """
        if self.is_identity:
            return values
        matched = np.full((len(values), len(self.sources)), np.nan, values.dtype)
        for position, sources in enumerate(self.sources):
            if sources:
                matched[:, position] = values[:, list(sources)].max(axis=1)
        return matched

    def notes(self, name: str, labels: Labels, owner: str) -> list[str]:
        """What the reader must know of two vocabularies that were matched."""
        notes, missing = [], self.unknown(labels)
        if missing:
            more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
            listed = ", ".join(missing[:_LISTED]) + more
            notes.append(
                f"{len(missing)} of {len(labels)} classes of {owner} are unknown to {name} and left out: {listed}"
            )
        if ignored := self.classes - len({position for positions in self.sources for position in positions}):
            notes.append(f"{ignored} of {self.classes} classes of {name} are not in {owner} and ignored")
        return notes


def match(name: str, theirs: Labels, ours: Labels, owner: str, table: str | Path | None = None) -> Matching:
    """Match a model's classes with a data set's: by id, then by name, whatever the case of its letters.

    Ids that are bare numbers do not match: they count the rows of some table. Where several classes of the model stand
    for one, the largest output counts.

    Args:
        name: of the model, for messages.
        theirs: its classes in the order of its outputs.
        ours: classes of the data set.
        owner: its name, for messages.
        table: CSV table with the columns `teacher` and `data`, names or ids, that decides for the classes of the data
            set that it names. Of several rows for one class the largest of their outputs counts; where `teacher` is
            empty the class stays unknown.

    Raises:
        AudiotagError: the model knows no class, or a row of the table names a class that is not there.
    """
    sources: list[set[int]] = [{position} for position in range(len(ours))]
    if theirs.names != ours.names:
        sources = [set(theirs.matching(*pair)) for pair in zip(ours.ids, ours.names, strict=True)]
    if table is not None:
        for position, decided in _decided(name, theirs, ours, owner, table).items():
            sources[position] = decided
    matching = Matching(tuple(tuple(sorted(positions)) for positions in sources), len(theirs))
    if not matching.known.any():
        raise AudiotagError(
            f"{name} must know a class of {owner}, it has {len(theirs)} ({first_few(theirs.names)}) and none of the "
            f"{len(ours)} ({first_few(ours.names)}): say what its classes are with --labels, or where a teacher is "
            "named which class is which with --map map.csv (columns teacher,data)"
        )
    return matching


def _decided(name: str, theirs: Labels, ours: Labels, owner: str, table: str | Path) -> dict[int, set[int]]:
    """The model's classes for each class of the data set that a table names."""
    decided: dict[int, set[int]] = {}
    for place, their_class, our_class in _read_table(table):
        if not our_class:
            raise AudiotagError(f"{place}: the column data names a class of {owner}, it is empty")
        for position in _find(ours, our_class, owner, place):
            positions = decided.setdefault(position, set())
            if their_class:
                positions |= _find(theirs, their_class, name, place)
    return decided


def _read_table(path: str | Path) -> list[tuple[str, str, str]]:
    """Place in the file, class of the model and class of the data set, of every row of a table."""
    table = tables.read(path)
    if not {"teacher", "data"} <= set(table.columns):
        listed = ", ".join(table.columns) or "none"
        raise AudiotagError(f"{path} must have the columns teacher and data, it has {listed}")
    places = [f"{path} {tables.place(table, position)}" for position in range(len(table))]
    return list(zip(places, table["teacher"].str.strip(), table["data"].str.strip(), strict=True))


def _find(labels: Labels, wanted: str, owner: str, place: str) -> set[int]:
    if wanted in labels.ids:
        return {labels.ids.index(wanted)}
    if not (positions := labels.matching(wanted, wanted)):
        raise AudiotagError(f"{place}: {owner} has no class {wanted!r}: {suggest(wanted, labels.names)}")
    return set(positions)


def first_few(names: Sequence[str]) -> str:
    """Names for an error: three, and a sign that there are more."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
