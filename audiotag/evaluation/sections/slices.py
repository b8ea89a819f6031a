"""Metrics of parts of the clips, by what `clips.csv` says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas

from audiotag.errors import AudiotagError, suggest
from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions
from audiotag.report.section import Section, Table

FIGURES = ("mAP", "AUC", "lwlrap", "F1", "accuracy")
"""What is measured of a part of the clips, see `metrics.summary`."""

MISSING = "(none)"
_FEW = 12
_MANY = 20
_NEVER = ("clip_id", "source", "recording", "start", "end", "labels", "status", "reason")


def measure(evaluation: Evaluation) -> Section:
    """A table a column: those that were named, or those that fit."""
    columns = sliceable(evaluation.clips) if evaluation.columns is None else evaluation.columns
    table = slices(evaluation.predictions, evaluation.clips, columns)
    by_column = table.groupby("column", sort=False) if len(table) else ()
    return Section(
        "Parts of the data",
        how="The same figures on parts of the clips. A part far below the others is where to look, or to record, next; "
        "parts of few clips vary by chance.",
        tables=tuple(Table.of(part.drop(columns="column"), f"By {column}") for column, part in by_column),
        values={"slices": table},
    )


def slices(predictions: Predictions, clips: pandas.DataFrame, columns: Sequence[str]) -> pandas.DataFrame:
    """Metrics of the clips that share a value of a column, for every column and value.

    A column of more than 12 different numbers (duration, signal-to-noise ratio) is cut into quartiles, named by the
    lowest and the highest number in each: "1.2 to 3.4". A cell that is blank or NaN has the value "(none)".

    Args:
        predictions: truth and scores.
        clips: a row a clip, in the order of the predictions.
        columns: columns of `clips`.

    Returns:
        DataFrame, a row a column and value: column, value (str), clips, classes (that have a positive in the slice,
        over which the means are taken), mAP, AUC, lwlrap, F1, accuracy; NaN where not defined.

    Raises:
        AudiotagError: an unknown column; one whose cells nearly all differ, as those of an id.
    """
    rows = []
    for column in columns:
        if column not in clips.columns:
            raise AudiotagError(f"no column of the clips is named {column!r}: {suggest(column, map(str, clips))}")
        values, order = _values(clips[column])
        rows += [{"column": column, "value": value} | figures(predictions, values == value) for value in order]
    return pandas.DataFrame(rows, columns=["column", "value", "clips", "classes", *FIGURES])


def figures(predictions: Predictions, chosen: np.ndarray) -> dict[str, Any]:
    """Counts and figures of the clips chosen by a mask (clips,): clips, classes (that have a positive), `FIGURES`."""
    part = predictions.take(chosen)
    table = per_class.per_class(part)
    summary = per_class.summary(part, table)
    counts = {"clips": int(chosen.sum()), "classes": int((table["positives"] > 0).sum())}
    return counts | {name: summary[name] for name in FIGURES}


def natural(name: str) -> list[tuple[str, int]]:
    """A key that sorts "fold2" before "fold10"."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def sliceable(clips: pandas.DataFrame) -> list[str]:
    """Columns by which clips are sliced where nobody names any.

    Those of 2 to 20 different values, and measurements: numbers with a fraction, of any count. Columns that name a clip
    or say where it comes from (clip_id, source, recording, start, end, labels, status, reason) are left out.
    """
    chosen = []
    for column in (str(name) for name in clips.columns if name not in _NEVER):
        cells = _cells(clips[column])
        values, numbers = len(set(cells)), _numbers(cells)
        if 1 < values <= _MANY or (values > 1 and numbers is not None and (numbers % 1 > 0).any()):
            chosen.append(column)
    return chosen


def _values(column: pandas.Series) -> tuple[np.ndarray, list[str]]:
    """The value of each clip, (clips,) str, and all values in the order of showing."""
    cells = _cells(column)
    different = set(cells.tolist()) - {MISSING}
    numbers = _numbers(cells)
    if numbers is not None and len(np.unique(numbers[~np.isnan(numbers)])) > _FEW:
        return _quartiles(numbers)
    if len(different) > _FEW and 2 * len(different) > len(cells):
        raise AudiotagError(
            f"a slice needs clips that share a value, column {column.name!r} has {len(different)} values for "
            f"{len(cells)} clips: slice by a column of few values"
        )
    order = sorted(different, key=natural if numbers is None else float)
    return cells, order + [MISSING] * (MISSING in cells)


def _cells(column: pandas.Series) -> np.ndarray:
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    return text.where(text != "", MISSING).to_numpy(str)


def _numbers(cells: np.ndarray) -> np.ndarray | None:
    """The cells as (clips,) float64, NaN where there is none; None for a column of other text."""
    filled = cells != MISSING
    numbers = pandas.to_numeric(pandas.Series(cells).where(filled), errors="coerce").to_numpy(np.float64)
    return numbers if filled.any() and not np.isnan(numbers[filled]).any() else None


def _quartiles(numbers: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The quartile of each clip, named by its range, and the names in order; equal numbers share a quartile."""
    filled = ~np.isnan(numbers)
    cuts = np.quantile(numbers[filled], [0.25, 0.5, 0.75], method="inverted_cdf")
    quartile = np.where(filled, np.searchsorted(cuts, numbers), -1)
    ranges = pandas.Series(numbers[filled]).groupby(quartile[filled]).agg(["min", "max"])
    name_of = dict(zip(ranges.index, _range_names(ranges.to_numpy().tolist()), strict=True))
    values = [name_of.get(index, MISSING) for index in quartile.tolist()]
    return np.array(values), [*name_of.values()] + [MISSING] * (not filled.all())


def _range_names(ranges: list[list[float]]) -> list[str]:
    """Names with as few digits, three at least, as tell apart every two ends that differ."""
    ends = np.unique(ranges)
    for digits in range(3, 18):
        shown = {end: np.format_float_positional(end, digits, fractional=False, trim="-") for end in ends}
        if len(set(shown.values())) == len(ends):
            break
    return [shown[low] if low == high else f"{shown[low]} to {shown[high]}" for low, high in ranges]
