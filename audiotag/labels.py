"""Class vocabularies: the order of a model's outputs, and how several labels share one table cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from audiotag import tables
from audiotag.errors import AudiotagError, suggest


@dataclass(frozen=True)
class Labels:
    """An ordered class vocabulary; position i is output i of a model.

    Args:
        names: display names, unique, in output order. Any text: commas, quotes, slashes and emoji included.
        ids: stable identifiers in the same order (AudioSet's mids, for example). Default: the names.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "ids", tuple(self.ids) or self.names)
        if not self.names:
            raise AudiotagError("a vocabulary needs at least one class, received none: name the classes")
        if len(self.ids) != len(self.names):
            raise AudiotagError(
                f"a vocabulary needs one id a class, received {len(self.ids)} ids for {len(self.names)}"
            )
        for kind, values in (("name", self.names), ("id", self.ids)):
            if len(set(values)) != len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise AudiotagError(f"class {kind}s must be unique, received {twice!r} twice: merge or rename it")
            if any(not value.strip() or "\n" in value or "\r" in value for value in values):
                raise AudiotagError(f"a class {kind} must be one line of text and not blank: rename it")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def _index_of_id(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(self.ids)}

    @cached_property
    def _indices_of_folded(self) -> dict[str, list[int]]:
        positions: dict[str, list[int]] = {}
        for position, name in enumerate(self.names):
            positions.setdefault(_fold(name), []).append(position)
        return positions

    def index(self, name: str) -> int:
        """Output position of a class name; an unknown name is an error that suggests the nearest."""
        if name not in self._index:
            raise AudiotagError(f"no class is named {name!r}: {suggest(name, self.names)}")
        return self._index[name]

    def matching(self, wanted_id: str, wanted_name: str) -> list[int]:
        """Output positions of the classes that are the same as a class of another vocabulary.

        Those of the same id; else of the same name; else of the same name in any case of letters and spaces. A bare
        number is not taken for an id: it only counts the rows of its own vocabulary.

        Args:
            wanted_id: id of the class in the other vocabulary.
            wanted_name: its name there.

        Returns:
            Positions, ascending; [] where there are none, several where only the case of names tells them apart.
        """
        if not wanted_id.strip().isdigit() and wanted_id in self._index_of_id:
            return [self._index_of_id[wanted_id]]
        if wanted_name in self._index:
            return [self._index[wanted_name]]
        return self._indices_of_folded.get(_fold(wanted_name), [])

    def multi_hot(self, names: Iterable[str]) -> np.ndarray:
        """Target vector of the given classes: shape (classes,), float32, 1 where named."""
        vector = np.zeros(len(self), np.float32)
        vector[[self.index(name) for name in names]] = 1.0
        return vector

    def write(self, path: Path) -> None:
        """Write `labels.csv`: index,id,name."""
        tables.write(path, ("index", "id", "name"), zip(range(len(self)), self.ids, self.names, strict=True))

    @classmethod
    def read(cls, path: Path, encoding: str | None = None) -> Labels:
        """Read `labels.csv` (index,id,name), the indices being 0, 1, 2 … in order; the encoding as of `tables.read`."""
        table = tables.read(path, ("index", "id", "name"), encoding=encoding)
        if tables.whole_numbers(path, table, "index") != list(range(len(table))):
            raise AudiotagError(f"{path} is not a label table: its indices are not 0, 1, 2 …: put its rows in order")
        return cls(tuple(table["name"]), tuple(table["id"]))


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def join_cell(names: Iterable[str]) -> str:
    """Several labels as one table cell, separated by `;`; a name that holds `;` or `"` is quoted as in CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";", lineterminator="").writerow(names)
    return buffer.getvalue()


def split_cell(cell: str) -> tuple[str, ...]:
    """The labels of a cell that `join_cell` wrote, or that a person typed: `dog; rain` gives ("dog", "rain")."""
    try:
        names = next(csv.reader([cell], delimiter=";", skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise AudiotagError(f"labels in one cell are separated by ';', received {cell!r} ({error})") from error
    return tuple(name.strip() for name in names if name.strip())
