"""Picks as a table to fill in or as label tracks, and what has labels already, of tables that were filled in."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from audiotag import storage, tables
from audiotag.clips import clip_tables
from audiotag.clips.recordings import Recordings
from audiotag.errors import AudiotagError
from audiotag.tagging import formats
from audiotag.tagging.files import FileTags
from audiotag.tagging.picking import Pick
from audiotag.tagging.tags import Tag

COLUMNS = ("path", "start", "end", "label", "score", "why")
"""The label is for whoever listens; `build --table` takes the table then, and says nothing of what was not picked."""

_TIMES = (("onset", "offset"), ("start", "end"))


def as_csv(picks: Iterable[Pick]) -> str:
    """The table, its labels empty; seconds with three decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pick in picks:
        path, start, end = pick.part
        writer.writerow((path, f"{start:.3f}", f"{end:.3f}", "", round(pick.score, 4), pick.reason))
    return text.getvalue()


def write_tracks(picks: Sequence[Pick], root: Path, out: Path) -> int:
    """Label tracks for Audacity with the reasons, one a recording, `park/1.wav.txt` of `park/1.wav`; how many."""
    format = formats.load("audacity")
    by_path: dict[str, list[Tag]] = {}
    for pick in sorted(picks, key=lambda pick: pick.part):
        path, start, end = pick.part
        by_path.setdefault(path, []).append(Tag(pick.reason, pick.score, start, end))
    for path, tags in by_path.items():
        with storage.write_atomically(out / f"{path}{format.SUFFIX}") as file:
            _, show = format.lines(file, False)
            file.write(show(FileTags(root / path, tuple(tags))))
    return len(by_path)


def labelled(paths: Iterable[Path], root: Path) -> dict[str, list[tuple[float, float]]]:
    """What has labels: beginnings and ends, seconds, by the recording's path relative to a folder.

    Args:
        paths: tables with the columns path (filename, source), label (labels), and onset and offset or start and end;
            a row without times is of the whole recording, one with an empty label does not count.
        root: the folder of the recordings.

    Raises:
        AudiotagError: no such table, no such columns, or times that are none.
    """
    find, spans = Recordings(root), {}
    for path in paths:
        table = tables.read(path).map(clip_tables.as_text)
        meanings = {clip_tables.COLUMNS.get(column, column): column for column in table}
        if "path" not in meanings:
            raise AudiotagError(f"{path} has no column path, filename or source, received {', '.join(table)}")
        times = next((pair for pair in _TIMES if {*pair} <= {*meanings}), ())
        for position, row in enumerate(table.to_dict("records")):
            if "labels" in meanings and not row[meanings["labels"]].strip():
                continue
            where = f"{path} {tables.place(table, position)}"
            cells = [(row[meanings[name]].strip(), name) for name in times]
            start, end = (clip_tables.seconds(cell, name, where) for cell, name in cells) if cells else (None, None)
            name = find.find(row[meanings["path"]].strip())
            spans.setdefault(name, []).append((start or 0.0, math.inf if end is None else end))
    return spans
