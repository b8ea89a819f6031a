"""Files of predictions: `.npz` for audiotag, Parquet for other tools.

`.npz`: clip_ids, targets, scores, class_names, class_ids, task and, where there are any, known, recordings, thresholds.
Parquet: a row a clip, with `clip_id`, `recording` where it is known, `score: <class>` (float64) and `label: <class>`
(1, 0, or null where nobody judged). The vocabulary, the task and thresholds lie in the metadata of the schema under
`audiotag`, as JSON. It needs pyarrow.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from audiotag import storage, tables
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions

METADATA = b"audiotag"
_OPTIONAL = ("known", "recordings", "thresholds")


def save(predictions: Predictions, path: Path | str) -> None:
    """Write predictions as `.parquet` where the suffix says so, else as `.npz`.

    Raises:
        AudiotagError: Parquet without pyarrow.
    """
    write = _write_parquet if Path(path).suffix == ".parquet" else _write_npz
    write(predictions, Path(path))


def load(path: Path | str) -> Predictions:
    """Read what `save` wrote; nothing in the file is executed (no pickle).

    Raises:
        AudiotagError: no such file, another file, or Parquet without pyarrow.

    Example:
        >>> audiotag.metrics.load("runs/esc10-mn04/predictions.npz").scores.shape
    """
    read = _read_parquet if Path(path).suffix == ".parquet" else _read_npz
    try:
        return read(Path(path))
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except (KeyError, ValueError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise AudiotagError(f"{path} is not a file of predictions ({error}): run the evaluation again") from error


def _write_npz(predictions: Predictions, path: Path) -> None:
    arrays = {
        "clip_ids": predictions.clip_ids.astype(str),
        "targets": predictions.targets.astype(np.uint8),
        "scores": predictions.scores,
        "class_names": np.array(predictions.labels.names),
        "class_ids": np.array(predictions.labels.ids),
        "task": np.array(str(predictions.task)),
    }
    arrays |= {name: getattr(predictions, name) for name in _OPTIONAL if getattr(predictions, name) is not None}
    if "recordings" in arrays:
        arrays["recordings"] = arrays["recordings"].astype(str)  # objects would be pickled
    with storage.write_atomically(path, "wb") as file:
        np.savez(file, **arrays)


def _read_npz(path: Path) -> Predictions:
    with np.load(path, allow_pickle=False) as file:
        labels = Labels(tuple(file["class_names"].tolist()), tuple(file["class_ids"].tolist()))
        needed = (file["clip_ids"], file["targets"], file["scores"], labels, str(file["task"]))
        return Predictions(*needed, *(file.get(name) for name in _OPTIONAL))


def _write_parquet(predictions: Predictions, path: Path) -> None:
    arrow = tables.parquet_library(path)
    columns: dict[str, Any] = {"clip_id": predictions.clip_ids.astype(str).tolist()}
    if predictions.recordings is not None:
        columns["recording"] = predictions.recordings.astype(str).tolist()
    names = predictions.labels.names
    columns |= {f"score: {name}": predictions.scores[:, index] for index, name in enumerate(names)}
    targets, unknown = predictions.targets.astype(np.uint8), ~predictions.judged
    for index, name in enumerate(names):
        columns[f"label: {name}"] = arrow.array(targets[:, index], mask=unknown[:, index])
    about = {"names": list(names), "ids": list(predictions.labels.ids), "task": str(predictions.task)}
    if predictions.thresholds is not None:
        about["thresholds"] = predictions.thresholds.tolist()
    table = arrow.table(columns).replace_schema_metadata({METADATA: json.dumps(about)})
    with storage.write_atomically(path, "wb") as file:
        arrow.parquet.write_table(table, file)


def _read_parquet(path: Path) -> Predictions:
    table = tables.parquet(path)
    about = json.loads((table.schema.metadata or {})[METADATA])
    scores, labels = ([table[f"{what}: {name}"] for name in about["names"]] for what in ("score", "label"))
    known = np.stack([column.is_valid().to_numpy() for column in labels], axis=1)
    return Predictions(
        np.array(table["clip_id"].to_pylist()),
        np.stack([column.fill_null(0).to_numpy() for column in labels], axis=1),
        np.stack([column.to_numpy() for column in scores], axis=1),
        Labels(tuple(about["names"]), tuple(about["ids"])),
        about["task"],
        None if known.all() else known,
        np.array(table["recording"].to_pylist()) if "recording" in table.column_names else None,
        np.array(about["thresholds"]) if "thresholds" in about else None,
    )
