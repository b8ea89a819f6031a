"""Reading an annotation file of any format: the suffix says which, of text its first line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from audiotag import storage, tables
from audiotag.annotations import audacity, elan, rows, textgrid
from audiotag.annotations.annotation import Annotation
from audiotag.errors import AudiotagError

Reader = Callable[[Path, str | None, Sequence[str]], list[Annotation]]
"""Takes the file, the column or tier that names classes (None: the usual ones) and further columns to keep."""


def _text(path: Path, label: str | None, keep: Sequence[str]) -> list[Annotation]:
    """Labels of Audacity begin with a number, tables with a header; whatever the encoding is."""
    with path.open("rb") as file:
        first = file.read(_BEGINNING).removeprefix(codecs.BOM_UTF8).strip(b"\xff\xfe\0\r\n\t ").replace(b"\0", b"")
    if not first and not tables.text(path).strip():
        return []
    return (audacity if re.match(rb"-?[0-9]+([.,][0-9]+)?[\t ]", first) else rows).read(path, label, keep)


_BEGINNING = 4096  # bytes

READERS: dict[str, Reader] = {
    ".txt": _text,
    ".csv": _text,
    ".tsv": _text,
    ".parquet": rows.read,
    ".textgrid": textgrid.read,
    ".eaf": elan.read,
}
"""By suffix, in small letters."""


def read(path: Path, label: str | None = None, keep: Sequence[str] = ()) -> list[Annotation]:
    """What is marked in an annotation file; none in an empty one.

    Args:
        path: a selection table of Raven, labels of Audacity, a table with a row an event, a TextGrid of Praat or a file
            of ELAN.
        label: the column, or the tiers (several separated by `;`), whose text names classes. Default: the usual
            columns, see `rows.LABELS`; the only tier that holds something.
        keep: further columns of a table to keep, where it has them.

    Raises:
        AudiotagError: it cannot be read, or what it says cannot be meant; the message names the file and the place.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise AudiotagError(f"annotations are files that end in {', '.join(READERS)}, received {path}: export them so")
    try:
        with storage.downloaded(path) as local:
            return reader(local, label, keep) if local.stat().st_size else []
    except (OSError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path} cannot be read ({error}): export it again") from error
    except AudiotagError as error:
        raise AudiotagError(str(error).replace(str(local), str(path))) from error
