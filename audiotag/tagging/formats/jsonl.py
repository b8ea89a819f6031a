"""JSON lines: an object with the columns of CSV a line; for a bad file, the keys file and error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING

from audiotag.tagging.files import FileTags, shown_path
from audiotag.tagging.result_lines import COLUMNS, Format, time_of

if TYPE_CHECKING:
    import pandas

SUFFIX = ".jsonl"
ALONE = False


def lines(stream: IO[str], several: bool) -> Format:
    """What comes first, and what a result becomes; of a stream, and whether several files go into it."""
    # Escapes of a stream that cannot encode a name would be no JSON.
    ascii_only = "utf" not in (getattr(stream, "encoding", None) or "utf-8").lower()

    def show(result: FileTags) -> str:
        file = shown_path(result.path)
        cells = (
            (file, round(tag.start, 3), round(tag.end, 3), tag.label, round(tag.score, 6), time_of(result, tag))
            for tag in result.tags
        )
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
        if result.reason:
            rows = [{"file": file, "error": result.reason}]
        return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)

    return "", show


def read(path: Path) -> pandas.DataFrame:
    """The rows of a file, as they were written."""
    import pandas

    return pandas.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
