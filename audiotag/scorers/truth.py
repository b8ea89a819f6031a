"""The truth that scores are compared with: a split of a data set, or a table of labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import tables
from audiotag.clips.declaration import UNKNOWN, judged
from audiotag.errors import AudiotagError
from audiotag.labels import Labels, split_cell
from audiotag.records import Data
from audiotag.records.clips import clips_of

if TYPE_CHECKING:
    import pandas

_CELLS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "true": 1, "false": 0, "": -1, "none": -1}
_NEITHER = -2


@dataclass(frozen=True)
class Truth:
    """What clips hold.

    Args:
        clip_ids, targets, labels, task, known: as of `Predictions`.
        owner: whose the clips are, for messages: "esc10 fold1".
        vocabulary: whose the classes are: "esc10".
        recordings: (clips,) str, where no data set says from which recording a clip was cut. None: not known.
    """

    clip_ids: np.ndarray
    targets: np.ndarray
    labels: Labels
    task: str
    known: np.ndarray | None
    owner: str
    vocabulary: str
    recordings: np.ndarray | None = None

    def rows_of(self, clip_ids: Iterable[str]) -> list[int]:
        """Rows of those of some clips whose truth is known, in the order given."""
        position = {clip_id: row for row, clip_id in enumerate(self.clip_ids.tolist())}
        return [position[clip_id] for clip_id in clip_ids if clip_id in position]

    def take(self, rows: Sequence[int] | np.ndarray) -> Truth:
        """The truth of some clips."""
        parts = {name: getattr(self, name) for name in ("clip_ids", "targets", "known", "recordings")}
        return replace(self, **{name: None if part is None else part[rows] for name, part in parts.items()})


def of_data(data: Data, split: str) -> Truth:
    """The labels of a split's clips, in the order of `clips.csv`."""
    rows = clips_of(data, split)
    if not len(rows):
        raise AudiotagError(f"split {split!r} of {data.name} holds no clip: choose another split")
    targets = np.stack([data.labels.multi_hot(split_cell(cell)) for cell in rows["labels"]]).astype(np.uint8)
    clip_ids = rows["clip_id"].to_numpy().astype(str)
    known = np.stack([judged(cell, data.labels) for cell in rows[UNKNOWN]]) if data.masked else None
    return Truth(clip_ids, targets, data.labels, data.task, known, f"{data.name} {split}", data.name)


def of_table(path: Path, scored: Labels) -> Truth:
    """A table of labels, wide or long.

    Wide: `clip_id` and a column a class, 1 or 0, empty where nobody said. Long: `clip_id,labels`, several labels in
    one cell separated by `;`. Where every clip has exactly one label and all is known, the task is multiclass.

    Args:
        path: CSV or Parquet.
        scored: classes that were scored: of a long table, classes of no clip are taken from here.

    Raises:
        AudiotagError: no such table, a clip twice, or another cell; naming row and column.
    """
    keys, table = tables.read_clips(path)
    columns = tuple(table.columns)
    if not keys:
        raise AudiotagError(f"{path} has a header and no row: export it again")
    if columns == ("labels",):
        cells = [split_cell(cell or "") for cell in table["labels"]]
        extra = dict.fromkeys(name for names in cells for name in names if not scored.matching(name, name))
        labels = Labels((*scored.names, *extra), (*scored.ids, *extra)) if extra else scored
        targets = np.zeros((len(cells), len(labels)), np.uint8)
        for row, names in enumerate(cells):
            targets[row, [labels.matching(name, name)[0] for name in names]] = 1
        known = None
    else:
        labels, values = Labels(columns), _judgements(path, table)
        known = None if (values >= 0).all() else values >= 0
        targets = np.maximum(values, 0).astype(np.uint8)
    single = known is None and (targets.sum(axis=1) == 1).all() and len(labels) > 1
    return Truth(np.array(keys), targets, labels, "multiclass" if single else "multilabel", known, str(path), str(path))


def _judgements(path: Path, table: pandas.DataFrame) -> np.ndarray:
    """1, 0, or -1 where nobody said, of every cell: (rows, classes), int8."""
    texts = table.map(lambda cell: "" if cell is None else str(cell).strip().lower())
    judged = texts.map(lambda text: _CELLS.get(text, _NEITHER)).to_numpy(np.int8)
    for row, column in np.argwhere(judged == _NEITHER)[:1]:
        raise AudiotagError(
            f"labels are 1 or 0, or empty where nobody said, {path} {tables.place(table, row)}, column "
            f"{table.columns[column]!r} has {table.iat[row, column]!r}: correct it"
        )
    return judged


def restricted(truth: Truth, data: Data, split: str) -> Truth:
    """The part of a table's truth that is about the clips of a split, in their order."""
    wanted = clips_of(data, split)["clip_id"].astype(str)
    kept = truth.rows_of(wanted)
    if not kept:
        raise AudiotagError(
            f"{truth.owner} has no clip of {data.name} {split} ({len(wanted)} clips, {wanted.iloc[0]!r} for one): "
            "name the table of this data set"
        )
    return truth.take(kept)
