"""Published data sets that people also hand over as a table or a folder of their own: known by their tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from audiotag import storage
from audiotag.errors import AudiotagError


@dataclass(frozen=True)
class Published:
    """A data set and the layouts in which it is passed on.

    Args:
        title: its name for people.
        columns: by which its table is known.
        tables: where that lies in the data set's folder: as it was published, then as others have copied it.
        folders: what archives unpack the data set into, within the folder that a user names.
        holds: what else lies in the folder, for messages.
    """

    title: str
    columns: frozenset[str]
    tables: tuple[str, ...]
    folders: tuple[str, ...]
    holds: str

    def places(self, folder: Path) -> Iterator[tuple[Path, str]]:
        """The data set's folder and the place of the table in it, wherever that could be."""
        for root in (folder, *(folder / name for name in self.folders)):
            for table in self.tables:
                yield root, table


PUBLISHED = {
    "esc50": Published(
        "ESC-50",
        frozenset({"filename", "fold", "target", "category"}),
        ("meta/esc50.csv", "esc50.csv"),
        ("ESC-50-master", "ESC-50"),
        "a folder audio",
    ),
    "urbansound8k": Published(
        "UrbanSound8K",
        frozenset({"slice_file_name", "fsID", "fold", "classID"}),
        ("metadata/UrbanSound8K.csv", "UrbanSound8K.csv"),
        ("UrbanSound8K",),
        "fold1 … fold10, in a folder audio or without it",
    ),
}


def by_columns(columns: Collection[str]) -> str:
    """The data set whose table has these columns; "" where it is none of them."""
    return next((dataset for dataset, known in PUBLISHED.items() if known.columns <= set(columns)), "")


def in_folder(folder: Path) -> tuple[str, Path]:
    """The data set that lies in a folder, and its own folder there; "" where it is none of them."""
    for dataset, known in PUBLISHED.items():
        for root, table in known.places(folder):
            if storage.is_file(root / table):
                return dataset, root
    return "", folder


def table_of(dataset: str, folder: Path) -> tuple[Path, Path]:
    """The folder of a data set, and its table.

    Args:
        dataset: a key of `PUBLISHED`.
        folder: what the user has named: the data set's folder, or the one into which its archive was unpacked.

    Raises:
        AudiotagError: there is no such table.
    """
    known = PUBLISHED[dataset]
    for root, table in known.places(folder):
        if storage.is_file(root / table):
            return root, root / table
    raise AudiotagError(
        f"the folder of {known.title} holds {known.tables[0]} and {known.holds}; {folder} has no "
        f"{' or '.join(known.tables)}: name another one with --source"
    )
