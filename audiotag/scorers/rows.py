"""Rows of a table of clips, CSV or Parquet: what the clip is called, and the cells of the other columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.metrics import prediction_files

KEYS = ("clip_id", "filename", "path", "clip")
"""Columns that name the clip; the first of them that is there does."""


@dataclass(frozen=True)
class Row:
    """A row: the clip's name, the cells of the other columns as read, and where it stands, for messages."""

    key: str
    cells: Sequence[Any]
    place: str


def parquet(path: Path) -> Any:
    """A Parquet table of pyarrow's."""
    arrow = prediction_files.parquet_library(path)
    try:
        return arrow.parquet.read_table(path)
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, ValueError) as error:
        raise AudiotagError(f"{path} is not a Parquet table ({error}): write it again") from error


@contextmanager
def read(path: Path) -> Iterator[tuple[tuple[str, ...], Iterable[Row]]]:
    """Names of the columns, without those that name the clip, and the rows.

    Raises:
        AudiotagError: no such file or not such a table; while rows are read: another number of cells, a row without
            a name, or a clip twice.
    """
    if path.suffix == ".parquet":
        table = parquet(path)
        key, rest = _key(path, table.column_names)
        columns = tuple(table.column_names[index] for index in rest)
        cells = zip(*(table.column(index).to_pylist() for index in rest), strict=True)
        keys = ("" if name is None else str(name) for name in table.column(key).to_pylist())
        pairs = enumerate(zip(keys, cells, strict=True), 1)
        yield columns, _once(path, (Row(*pair, f"row {row}") for row, pair in pairs))
        return
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            key, rest = _key(path, header)
            yield tuple(header[index] for index in rest), _once(path, _csv_rows(path, reader, header, key, rest))
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} is not a UTF-8 table with commas ({error}): export it as CSV") from error


def _key(path: Path, header: Sequence[str]) -> tuple[int, list[int]]:
    """Position of the column that names the clip, and those of the others."""
    twice = [name for index, name in enumerate(header) if name in header[:index]]
    if twice:
        raise AudiotagError(f"columns have names of their own, {path} has {twice[0]!r} twice: rename or remove one")
    key = next((name for name in KEYS if name in header), None)
    if key is None or len(header) < 2:
        raise AudiotagError(
            f"a table has a column {KEYS[0]} (or {', '.join(KEYS[1:])}), further columns, and commas between them; "
            f"{path} has {', '.join(header[:6]) or 'no header'}: rename its columns or export it as CSV"
        )
    rest = [index for index, name in enumerate(header) if name not in KEYS]
    if any(not header[index].strip() for index in rest):
        raise AudiotagError(f"every column of {path} has a name, one has none: name or remove it")
    return header.index(key), rest


def _csv_rows(path: Path, reader: Any, header: Sequence[str], key: int, rest: Sequence[int]) -> Iterator[Row]:
    for cells in reader:
        place = f"line {reader.line_num}"
        if not cells:
            continue
        if len(cells) != len(header):
            raise AudiotagError(
                f"{path} {place}: a row has {len(header)} cells, this one {len(cells)}: quote cells that hold commas"
            )
        yield Row(cells[key], [cells[index] for index in rest], place)


def _once(path: Path, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows; a second one of a clip, or one without a name, is refused."""
    places: dict[str, str] = {}
    for row in rows:
        if not row.key.strip():
            raise AudiotagError(f"{path} {row.place}: every row names its clip, this one does not: fill the cell")
        if row.key in places:
            raise AudiotagError(
                f"a clip has one row, {row.key!r} has {places[row.key]} and {row.place} of {path}: leave one out"
            )
        places[row.key] = row.place
        yield row
