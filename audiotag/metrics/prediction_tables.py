"""Predictions as a Parquet table for other tools: a row a clip, a column a class for its score and for its label.

Columns: `clip_id`, `recording` where it is known, `score: <class>` (float64), `label: <class>` (1, 0, or null where
nobody said). The vocabulary, the task and thresholds lie in the metadata of the schema under `audiotag`, as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

if TYPE_CHECKING:
    from types import ModuleType

    from audiotag.metrics.predictions import Predictions

METADATA = b"audiotag"


def write(predictions: Predictions, path: Path) -> None:
    """Write the table.

    Raises:
        AudiotagError: pyarrow is not installed.
    """
    arrow = parquet_library(path)
    columns: dict[str, Any] = {"clip_id": predictions.clip_ids.astype(str).tolist()}
    if predictions.recordings is not None:
        columns["recording"] = predictions.recordings.astype(str).tolist()
    names = predictions.labels.names
    columns |= {f"score: {name}": predictions.scores[:, index] for index, name in enumerate(names)}
    for index, name in enumerate(names):
        unknown = None if predictions.known is None else ~predictions.known[:, index]
        columns[f"label: {name}"] = arrow.array(predictions.targets[:, index].astype(np.uint8), mask=unknown)
    about = {"names": list(names), "ids": list(predictions.labels.ids), "task": predictions.task}
    if predictions.thresholds is not None:
        about["thresholds"] = predictions.thresholds.tolist()
    table = arrow.table(columns).replace_schema_metadata({METADATA: json.dumps(about)})
    with storage.write_atomically(path, "wb") as file:
        arrow.parquet.write_table(table, file)


def read(path: Path) -> Predictions:
    """Read what `write` wrote.

    Raises:
        AudiotagError: pyarrow is not installed, no such file, or another table.
    """
    from audiotag.metrics.predictions import Predictions

    arrow = parquet_library(path)
    try:
        table = arrow.parquet.read_table(path)
        about = json.loads((table.schema.metadata or {})[METADATA])
        scores, labels = ([table[f"{what}: {name}"] for name in about["names"]] for what in ("score", "label"))
        recordings = np.array(table["recording"].to_pylist()) if "recording" in table.column_names else None
        known = np.stack([column.is_valid().to_numpy() for column in labels], axis=1)
        return Predictions(
            np.array(table["clip_id"].to_pylist()),
            np.stack([column.fill_null(0).to_numpy() for column in labels], axis=1),
            np.stack([column.to_numpy() for column in scores], axis=1),
            Labels(tuple(about["names"]), tuple(about["ids"])),
            about["task"],
            None if known.all() else known,
            recordings,
            np.array(about["thresholds"]) if "thresholds" in about else None,
        )
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise AudiotagError(f"{path} is not a file of predictions ({error}): run the evaluation again") from error


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
