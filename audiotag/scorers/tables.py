"""Tables of scores that were computed elsewhere: CSV, Parquet, and audiotag's own files of predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import tables
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics import prediction_files
from audiotag.metrics.predictions import Predictions
from audiotag.scorers.foreign import file_size
from audiotag.scorers.scorer import Outputs

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class ScoreTable:
    """Scores of clips, computed elsewhere.

    Args:
        name: of the file, without its suffix.
        path: the file.
        keys: (rows,) what the rows call their clips.
        scores: (rows, classes) float64; probabilities, or logits where `outputs` says so.
        labels: names of the columns.
        outputs: "scores" or "logits".
        predictions: truth and scores, where the file holds both (`metrics.save`).
        about: facts for people.
    """

    name: str
    path: Path
    keys: tuple[str, ...]
    scores: np.ndarray
    labels: Labels
    outputs: Outputs = "scores"
    predictions: Predictions | None = None
    about: dict[str, str] = field(default_factory=dict)
    kind: str = "table of scores"


def open(path: Path, outputs: Outputs | None = None) -> ScoreTable:
    """A table of scores.

    CSV and Parquet: a column `clip_id` (or filename, path, clip) and a column a class. `.npz`, and Parquet that
    `metrics.save` wrote: those predictions.

    Args:
        path: the file.
        outputs: "logits": any finite number; "scores" (default): in [0, 1].

    Raises:
        AudiotagError: no such file or not such a table; a cell that is empty, no finite number or out of range, or a
            clip twice: naming row and column.
    """
    schema = tables.parquet(path).schema if path.suffix == ".parquet" else None
    if path.suffix == ".npz" or (schema is not None and prediction_files.METADATA in (schema.metadata or {})):
        saved = prediction_files.load(path)
        about = {"classes": str(len(saved.labels)), "clips": str(len(saved.clip_ids)), "file": file_size(path)}
        keys = tuple(map(str, saved.clip_ids))
        return ScoreTable(path.stem, path, keys, saved.scores, saved.labels, "scores", saved, about)
    keys, table = tables.read_clips(path)
    labels = Labels(tuple(table.columns))
    scores = _numbers(path, table, logits=outputs == "logits")
    about = {"classes": str(len(labels)), "rows": str(len(keys)), "file": file_size(path)}
    return ScoreTable(path.stem, path, tuple(keys), scores, labels, outputs or "scores", None, about)


def _numbers(path: Path, table: pandas.DataFrame, *, logits: bool) -> np.ndarray:
    """The cells as (rows, classes) float64, all of them checked."""
    import pandas

    if not len(table):
        raise AudiotagError(f"{path} has a header and no row: export it again")
    numbers = table.apply(pandas.to_numeric, errors="coerce").to_numpy(np.float64)
    right = np.isfinite(numbers) if logits else (numbers >= 0) & (numbers <= 1)
    for row, column in np.argwhere(~right)[:1]:
        rule = "finite numbers" if logits else "numbers in [0, 1]"
        other = "say that they are logits" if np.isfinite(numbers[row, column]) else "remove a column that is no class"
        raise AudiotagError(
            f"scores are {rule}, {path} {tables.place(table, row)}, column {table.columns[column]!r} has "
            f"{table.iat[row, column]!r}: correct it, or {other}"
        )
    return numbers
