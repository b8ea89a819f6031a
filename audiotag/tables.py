"""Tables, CSV or Parquet, read whole and checked: what is wrong is said with the line in which it stands."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import progress, storage
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from types import ModuleType

    import pandas
    import pyarrow

KEYS = ("clip_id", "filename", "path", "clip")
"""Columns that name the clip of a row; the first of them that is there does."""

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may stand between the cells of a row; the header decides."""

OWN = "utf-8-sig"
"""What audiotag's own tables are written in: other bytes in them are damage."""

_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1f]")


def read(
    path: str | Path,
    required: Sequence[str] = (),
    optional: Sequence[str] | None = None,
    *,
    key: str | None = None,
    header: Sequence[str] = (),
    encoding: str | None = None,
) -> pandas.DataFrame:
    """A table: Parquet where the file is named so, else CSV with commas, semicolons or tabs.

    Args:
        path: the file.
        required: columns that it must have.
        optional: columns that it may have beside them. Default: any.
        key: a column that names each row: filled, and each name once. Default: none does.
        header: names of the columns of CSV that does not name them, or names them in a line that begins with `#`;
            lines before the first row that begin so are left out, and tabs separate the cells of a `.tsv`. Default:
            the first row names them.
        encoding: of CSV. Default: UTF-16 where its first bytes say so, else UTF-8, else Windows-1252 (which holds
            Latin-1), and then a line says so.

    Returns:
        The table; cells of CSV are str, those of Parquet Python's values, None where they are empty. Its index counts
        lines from 1 (the header's) where it is CSV, and rows from 1 where it is Parquet; see `place`.

    Raises:
        AudiotagError: no such file, no such table, a column that is missing, unknown, without a name or there twice,
            a row of another number of cells, a key that is empty or there twice.
    """
    import pandas

    path = storage.place(path)
    if path.suffix == ".parquet":
        columns = parquet(path)
        _check_columns(path, columns.column_names, required, optional)
        cells = {name: columns[name].to_pylist() for name in columns.column_names}
        table = pandas.DataFrame(cells, pandas.RangeIndex(1, len(columns) + 1, name="row"), dtype=object)
    else:
        names, lines, rows = _read_csv(path, list(header), encoding)
        _check_columns(path, names, required, optional)
        table = pandas.DataFrame(rows, pandas.Index(lines, dtype=int, name="line"), names, dtype=object)
    if key is not None:
        _check_key(path, table, key)
    return table


def read_clips(path: Path) -> tuple[list[str], pandas.DataFrame]:
    """A table with a row a clip, which a column of `KEYS` names.

    Returns:
        What the rows call their clips, and the table without the columns that do.

    Raises:
        AudiotagError: see `read`; also no column that names clips, or no other column.
    """
    table = read(path)
    key = next((name for name in KEYS if name in table), None)
    if key is None or len(table.columns) < 2:
        raise AudiotagError(
            f"a table has a column {KEYS[0]} (or {', '.join(KEYS[1:])}), further columns, and commas between them; "
            f"{path} has {', '.join(table.columns[:6]) or 'no header'}: rename its columns or export it as CSV"
        )
    _check_key(path, table, key)
    return table[key].astype(str).tolist(), table.drop(columns=[name for name in KEYS if name in table])


def place(table: pandas.DataFrame, position: int) -> str:
    """Where a row of a table stands in its file, for messages: "line 3" or "row 2".

    Args:
        table: what `read` gave.
        position: of the row in it, from 0.
    """
    return f"{table.index.name} {table.index[position]}"


def whole_numbers(path: str | Path, table: pandas.DataFrame, column: str) -> list[int]:
    """The cells of a column as integers.

    Args:
        path: the file, for the message.
        table: what `read` gave.
        column: its name.

    Raises:
        AudiotagError: a cell that is none.
    """
    numbers = []
    for position, cell in enumerate(table[column]):
        try:
            numbers.append(int(cell))
        except (TypeError, ValueError) as error:
            raise AudiotagError(
                f"{path} {place(table, position)}: {column} must be a whole number, received {cell!r}"
            ) from error
    return numbers


def numbers(path: str | Path, table: pandas.DataFrame, column: str) -> list[float]:
    """The cells of a column as numbers, seconds for one; arguments as of `whole_numbers`.

    Raises:
        AudiotagError: a cell that is none, or not finite.
    """
    values = [_number(cell) for cell in table[column]]
    for position, value in enumerate(values):
        if not math.isfinite(value):
            cell = table[column].iloc[position]
            raise AudiotagError(f"{path} {place(table, position)}: {column} must be a number, received {cell!r}")
    return values


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def parquet_library(path: Path) -> ModuleType:
    """pyarrow, with its Parquet.

    Raises:
        AudiotagError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise AudiotagError(f"{path} needs pyarrow, which is not here: pip install pyarrow") from error
    return pyarrow


def parquet(path: Path) -> pyarrow.Table:
    """A Parquet table as pyarrow has it, with its metadata.

    Raises:
        AudiotagError: pyarrow is not installed, no such file, or not such a table.
    """
    arrow = parquet_library(path)
    try:
        with storage.downloaded(path) as local:
            return arrow.parquet.read_table(local)
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, ValueError) as error:
        raise AudiotagError(f"{path} is not a Parquet table ({error}): write it again") from error


def write(path: Path, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write CSV atomically: UTF-8, commas, quotes where they are needed; the bytes are the same everywhere."""
    with storage.write_atomically(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def text(path: Path, encoding: str | None = None) -> str:
    """A text file, decoded as `read` decodes CSV.

    Raises:
        UnicodeDecodeError: it is damaged, or no text.
        OSError: it cannot be read.
    """
    content = storage.read_bytes(path)
    if encoding is None and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        # What is UTF-8 at first is damaged, and control characters are no text in any encoding.
        if encoding or not content[: error.start].isascii() or _NO_TEXT.search(content):
            raise
        decoded = content.decode("cp1252")
    progress.say(f"{path} is not in UTF-8, it is read as Windows-1252: save it as UTF-8 if its names look wrong")
    return decoded


def _read_csv(path: Path, names: list[str], encoding: str | None) -> tuple[list[str], list[int], list[list[str]]]:
    """Header, and line and cells of every row. pandas would fill up short rows, and does not know their lines."""
    lines, rows = [], []
    try:
        file = io.StringIO(text(path, encoding), newline="")
        skipped, begin, first = 0, 0, file.readline()
        while names and first.startswith("#"):
            skipped, begin, first = skipped + 1, file.tell(), file.readline()
        separator = "\t" if names and path.suffix == ".tsv" else _separator(first)
        file.seek(begin)
        reader = csv.reader(file, strict=True, delimiter=separator, skipinitialspace=bool(names))
        header = names or next(reader, [])
        for cells in reader:
            line = reader.line_num + skipped
            if cells and len(cells) != len(header):
                raise AudiotagError(
                    f"{path} line {line}: a row has {len(header)} cells, this one {len(cells)}: "
                    f"quote cells that hold {SEPARATORS[separator]}"
                )
            if cells and cells != names:
                lines.append(line)
                rows.append(cells)
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (OSError, csv.Error, UnicodeError) as error:
        raise AudiotagError(f"{path} is not a UTF-8 table with commas ({error}): export it as CSV") from error
    return header, lines, rows


def _separator(header: str) -> str:
    """What gives the header the most columns."""
    return max(SEPARATORS, key=lambda separator: len(next(csv.reader([header], delimiter=separator), [])))


def _check_columns(path: Path, header: Sequence[str], required: Sequence[str], optional: Sequence[str] | None) -> None:
    twice = [name for index, name in enumerate(header) if name in header[:index]]
    if twice:
        raise AudiotagError(f"columns have names of their own, {path} has {twice[0]!r} twice: rename or remove one")
    if not all(name.strip() for name in header):
        raise AudiotagError(f"every column of {path} has a name, one has none: name or remove it")
    missing = [name for name in required if name not in header]
    if missing:
        raise AudiotagError(
            f"{path} must have the columns {', '.join(required)}: {', '.join(missing)} missing, "
            f"it has {', '.join(header[:6]) or 'no header'}"
        )
    unknown = [] if optional is None else [name for name in header if name not in (*required, *optional)]
    if unknown:
        raise AudiotagError(
            f"{path} may have the columns {', '.join((*required, *optional))} alone, it has {unknown[0]!r}: remove it"
        )


def _check_key(path: Path, table: pandas.DataFrame, key: str) -> None:
    """Every row has a name, and none has another's."""
    positions: dict[str, int] = {}
    for position, name in enumerate(table[key]):
        if name is None or not str(name).strip():
            raise AudiotagError(
                f"{path} {place(table, position)}: every row names its clip, this one does not: fill the cell {key}"
            )
        first = positions.setdefault(str(name), position)
        if first != position:
            raise AudiotagError(
                f"a clip has one row, {str(name)!r} has {place(table, first)} and {place(table, position)} of {path}: "
                "leave one out"
            )
