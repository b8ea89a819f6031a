"""Metrics of parts of the clips: by what `clips.csv` says of them, and fold by fold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError, suggest
from audiotag.metrics import per_class

if TYPE_CHECKING:
    import pandas

    from audiotag.metrics.predictions import Predictions

FIGURES = ("mAP", "AUC", "lwlrap", "F1", "accuracy")
"""What is measured of a part of the clips, see `metrics.summary`."""

MISSING = "(none)"
_FEW = 12
_MANY = 20
_NEVER = ("clip_id", "source", "recording", "start", "end", "labels", "status", "reason")


def slices(
    predictions: Predictions,
    clips: pandas.DataFrame,
    columns: Sequence[str],
) -> pandas.DataFrame:
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
        AudiotagError: an unknown column; one whose cells nearly all differ, as those of an id; another number of rows
            than clips, or other clips.
    """
    import pandas

    _check_rows(predictions, clips)
    rows = []
    for column in columns:
        if column not in clips.columns:
            raise AudiotagError(f"no column of the clips is named {column!r}: {suggest(column, map(str, clips))}")
        values, order = _values(clips[column])
        for value, part in _parts(predictions, values, order):
            rows.append({"column": column, "value": value} | _measure(part))
    return pandas.DataFrame(rows, columns=["column", "value", "clips", "classes", *FIGURES])


def sliceable(clips: pandas.DataFrame) -> list[str]:
    """Columns by which clips are sliced where nobody names any.

    Those of 2 to 20 different values, and measurements: numbers with a fraction, of any count. Columns that name a clip
    or say where it comes from (clip_id, source, recording, start, end, labels, status, reason) are left out.
    """
    chosen = []
    for column in (str(name) for name in clips.columns if name not in _NEVER):
        cells = _cells(clips[column])
        numbers = _numbers(cells)
        several = len(set(cells)) > 1
        if several and (len(set(cells)) <= _MANY or (numbers is not None and bool((numbers % 1 > 0).any()))):
            chosen.append(column)
    return chosen


def folds(predictions: Predictions, fold_of: np.ndarray) -> pandas.DataFrame:
    """Metrics of every fold, and how they vary.

    Args:
        predictions: truth and scores of the clips of all folds, each scored by the model that did not learn from it.
        fold_of: (clips,) str, the fold of each clip.

    Returns:
        DataFrame, a row a fold (fold2 before fold10): fold, clips, classes (that have a positive in the fold), mAP,
        AUC, lwlrap, F1, accuracy. The last two rows are "mean" and "standard deviation" (of a sample: divided by
        folds - 1) over the folds where the figure is defined; clips and classes are missing there.

    Raises:
        AudiotagError: another number of folds than clips.
    """
    import pandas

    parts = _parts(predictions, *_folds(predictions, fold_of))
    rows = pandas.DataFrame([{"fold": fold} | _measure(part) for fold, part in parts])
    figures = rows[list(FIGURES)]
    over = [
        {"fold": "mean"} | figures.mean().to_dict(),
        {"fold": "standard deviation"} | figures.std(ddof=1).to_dict(),
    ]
    counts = {"clips": "Int64", "classes": "Int64"}
    return pandas.concat([rows.astype(counts), pandas.DataFrame(over)], ignore_index=True).astype(counts)


def _measure(part: Predictions) -> dict[str, Any]:
    """One row: counts and figures."""
    table = per_class.per_class(part)
    means = per_class.summary(part, table)
    counts = {"clips": len(part.targets), "classes": int((table["positives"] > 0).sum())}
    return counts | {name: means[name] for name in FIGURES}


def _parts(predictions: Predictions, values: np.ndarray, order: Iterable[str]) -> Iterator[tuple[str, Predictions]]:
    """The predictions of the clips of each value."""
    for value in order:
        yield value, predictions.take(values == value)


def _folds(predictions: Predictions, fold_of: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The fold of each clip, and all folds in their order."""
    names = np.asarray(fold_of).astype(str)
    if names.shape != predictions.clip_ids.shape:
        raise AudiotagError(f"one fold a clip is needed, received {names.shape} for {len(predictions.clip_ids)} clips")
    return names, sorted(set(names.tolist()), key=_natural)


def _check_rows(predictions: Predictions, clips: pandas.DataFrame) -> None:
    """Refuse a table whose rows are not the clips of the predictions, in their order."""
    if len(clips) != len(predictions.clip_ids):
        raise AudiotagError(f"one row a clip is needed, received {len(clips)} for {len(predictions.clip_ids)} clips")
    if "clip_id" in clips:
        received = clips["clip_id"].astype(str).to_numpy()
        for row in np.flatnonzero(received != predictions.clip_ids)[:1]:
            raise AudiotagError(
                f"the rows must be in the order of the predictions, row {row} is {str(received[row])!r} instead of "
                f"{str(predictions.clip_ids[row])!r}: sort them by clip_id"
            )


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
    order = sorted(different, key=_natural if numbers is None else float)
    return cells, order + [MISSING] * (MISSING in cells)


def _cells(column: pandas.Series) -> np.ndarray:
    """The cells as text, (clips,) str."""
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    return text.where(text != "", MISSING).to_numpy(str)


def _numbers(cells: np.ndarray) -> np.ndarray | None:
    """The cells as (clips,) float64, NaN where there is none; None for a column of other text."""
    given = cells != MISSING
    numbers = np.full(len(cells), np.nan)
    try:
        numbers[given] = cells[given].astype(np.float64)
    except ValueError:
        return None
    return numbers if given.any() and not np.isnan(numbers[given]).any() else None


def _quartiles(numbers: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The quartile of each clip, named by its range, and the names in order; equal numbers share a quartile."""
    given = ~np.isnan(numbers)
    cuts = np.quantile(numbers[given], [0.25, 0.5, 0.75], method="inverted_cdf")
    quartile = np.where(given, np.searchsorted(cuts, numbers), -1)
    ranges = [
        (numbers[quartile == index].min(), numbers[quartile == index].max()) for index in np.unique(quartile[given])
    ]
    names = _range_names(ranges)
    values = np.full(len(numbers), MISSING, dtype=object)
    for index, name in zip(np.unique(quartile[given]), names, strict=True):
        values[quartile == index] = name
    return values.astype(str), names + [MISSING] * (not given.all())


def _range_names(ranges: list[tuple[float, float]]) -> list[str]:
    """Names with as few digits, three at least, as tell apart every two ends that differ."""
    ends = np.unique(ranges)
    for digits in range(3, 18):
        shown = {end: np.format_float_positional(end, digits, fractional=False, trim="-") for end in ends}
        if len(set(shown.values())) == len(ends):
            break
    return [shown[low] if low == high else f"{shown[low]} to {shown[high]}" for low, high in ranges]


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorts "fold2" before "fold10"."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name)]
