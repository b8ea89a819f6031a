"""CSV: the columns file, start, end, label, score, time; seconds with three decimals."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from audiotag.tagging.files import FileTags, shown_path
from audiotag.tagging.result_lines import COLUMNS, Format, time_of

if TYPE_CHECKING:
    import pandas

SUFFIX = ".csv"
ALONE = False


def lines(stream: IO[str], several: bool) -> Format:
    """What comes first, and what a result becomes; of a stream, and whether several files go into it."""

    def joined(rows: Iterable[Iterable[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()

    def show(result: FileTags) -> str:
        file = shown_path(result.path)
        return joined(
            (file, f"{tag.start:.3f}", f"{tag.end:.3f}", tag.label, f"{tag.score:.6f}", time_of(result, tag) or "")
            for tag in result.tags
        )

    return joined([COLUMNS]), show


def read(path: Path) -> pandas.DataFrame:
    """The rows of a file, as they were written."""
    import pandas

    return pandas.read_csv(path, dtype={"label": str, "time": str}, keep_default_na=False, na_values={"time": [""]})
