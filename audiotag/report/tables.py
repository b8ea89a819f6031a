"""What programs read of an evaluation: `metrics.csv`, a row a class, and `metrics.json`, all of it."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import math
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from audiotag import __version__, storage
from audiotag.metrics.per_class import METRICS
from audiotag.report.report import Report

FORMAT = 1
_LIBRARIES = ("keras", "tensorflow", "numpy", "scikit-learn", "pandas")
# Keys of `summary`, and of the intervals of the means, that are not called as the column is.
_MEANS = {"AP": "mAP", "accuracy": "mean_accuracy"}
_TOGETHER = {name: f"micro_{name}" for name in ("AP", "AUC", "F1", "precision", "recall")}
_TOGETHER |= {"accuracy": "accuracy", "lwlrap": "lwlrap"}


def write_table(path: Path, report: Report) -> None:
    """Write `metrics.csv`: a row a class, then the rows `mean` (over classes) and `all` (over all clips together).

    Columns are those of `metrics.per_class`, each metric followed by the ends of its interval where there is one:
    AP, AP_low, AP_high. The last two rows stand in the column `index`, where no class name can be mistaken for them.
    Empty: not defined. `d_prime` of `mean` is that of the mean AUC.

    Args:
        path: the file, for example `report.out / "metrics.csv"`.
        report: what an evaluation found.
    """
    table, summary = report.with_intervals(), report.summary
    own = {name: _MEANS.get(name, name) for name in METRICS if name != "lwlrap"}
    counts = {"positives": int(table["positives"].sum()), "clips": summary["clips"]}
    mean = _mean_cells(report, own) | {"lwlrap": table["lwlrap"].mean()} | counts
    together = _mean_cells(report, _TOGETHER) | {"predicted": int(table["predicted"].sum())} | counts
    rows = pandas.concat([table, pandas.DataFrame([mean, together], index=["mean", "all"])])
    rows = rows[table.columns].astype(dict.fromkeys(("positives", "predicted", "clips"), "Int64"))
    with storage.write_atomically(path) as file:
        rows.to_csv(file, index_label="index", lineterminator="\n")


def write_json(path: Path, report: Report) -> None:
    """Write `metrics.json`: strict JSON, null where a figure is not defined or infinite; scores of clips are not in it.

    The keys of sections are those of their `values`; a section that had nothing to measure is null.

    Args:
        path: the file, for example `report.out / "metrics.json"`.
        report: what an evaluation found.
    """
    intervals = report.intervals
    value = {
        "format": FORMAT,
        "date": datetime.date.today(),
        "command": report.command,
        "versions": versions(),
        "subject": _fields(report.subject, "name", "kind", "path", "about"),
        **_fields(report, "data_set", "split"),
        "task": report.predictions.task,
        **_fields(report, "thresholds_from", "calibration", "notes", "summary"),
        "intervals": intervals and _fields(intervals, "level", "resamples", "unit", "units", "reason", "means"),
        "classes": report.with_intervals().reset_index(),
        "hyperparameters": report.hyperparameters,
    }
    for name, section in report.sections.items():
        value |= {name: None} if section is None else section.values
    storage.write_json(path, plain(value))


def versions() -> dict[str, str]:
    """Versions of audiotag, Python and the libraries that the figures come from."""
    own = {"audiotag": __version__, "Python": platform.python_version()}
    return own | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _fields(value: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _mean_cells(report: Report, keys: Mapping[str, str]) -> dict[str, float]:
    """Means and the ends of their intervals, by the columns that hold them."""
    ends = {} if report.intervals is None else report.intervals.means
    cells = {name: report.summary[key] for name, key in keys.items()}
    for name, key in keys.items():
        if key in ends:
            cells[f"{name}_low"], cells[f"{name}_high"] = ends[key]
    return cells


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if dataclasses.is_dataclass(value):
        value = _fields(value, *(field.name for field in dataclasses.fields(value)))
    elif isinstance(value, pandas.DataFrame):
        named = value.index.name is not None and not pandas.api.types.is_numeric_dtype(value.index)
        value = (value.reset_index() if named else value).to_dict("records")
    elif isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is pandas.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    # A path may hold bytes that are no text; they become question marks.
    return str(value).encode("utf-8", "replace").decode()
