"""What TensorBoard shows of an evaluation: scalars a class, precision-recall curves, the confusion matrix.

Event files are written as TensorBoard's own protobufs, without TensorFlow: the same on every Keras backend.
"""

from __future__ import annotations

import math
import os
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas
    from tensorboard.compat.proto.summary_pb2 import SummaryMetadata

    from audiotag.evaluation.predictions import Predictions

GROUPS = {
    "AP": "average_precision",
    "AUC": "AUC",
    "F1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
}
_THRESHOLDS = 201


def class_tag(name: str) -> str:
    """A class name as one component of a tag: no two names give the same tag.

    TensorBoard cuts tags at `/`, so the slash becomes the division slash `∕`, which looks like it. That character
    itself, `%` and unprintable characters are percent-encoded; everything else, emoji included, stays.
    """
    return "".join(
        "∕"
        if character == "/"
        else character
        if character not in "∕%" and (character.isprintable() or character == " ")
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
        for character in name
    )


class EventFile:
    """A new event file in a folder; a context manager.

    Args:
        folder: TensorBoard's run, for example `<run>/evaluation`; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        unique = f"{time.time_ns():020d}.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(2)}"
        self.path = folder / f"events.out.tfevents.{unique}"
        self._writer = RecordWriter(self.path.open("wb"))
        self._write(file_version="brain.Event:2")

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._writer.close()

    def flush(self) -> None:
        """Make everything added so far visible to TensorBoard."""
        self._writer.flush()

    def scalar(self, tag: str, value: float, step: int, *, name: str = "", description: str = "") -> None:
        """Add one point of a curve; NaN is left out, since TensorBoard draws it as a point of no height.

        Args:
            tag: the curve's place, `group/name`.
            value: the point.
            step: epoch, from 0.
            name: shown instead of the tag where TensorBoard shows names.
            description: Markdown, shown beside the chart.
        """
        from tensorboard.plugins.scalar import metadata

        if not math.isnan(value):
            about = metadata.create_summary_metadata(name, description)
            self._add(tag, np.float32(value), step, about, "DATA_CLASS_SCALAR")

    def image(self, tag: str, png: bytes, step: int, *, description: str = "") -> None:
        """Add a PNG picture."""
        from tensorboard.plugins.image import metadata

        width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
        content = np.array([str(width).encode(), str(height).encode(), png], dtype=object)
        about = metadata.create_summary_metadata("", description)
        self._add(tag, content, step, about, "DATA_CLASS_BLOB_SEQUENCE")

    def curve(self, tag: str, values: np.ndarray, step: int, *, name: str = "", description: str = "") -> None:
        """Add a precision-recall curve, (6, thresholds) as `precision_recall` gives it."""
        from tensorboard.plugins.pr_curve import metadata

        about = metadata.create_summary_metadata(name, description, values.shape[1])
        self._add(tag, values.astype(np.float32), step, about, "DATA_CLASS_TENSOR")

    def _add(self, tag: str, value: Any, step: int, about: SummaryMetadata, data_class: str) -> None:
        from tensorboard.compat.proto import summary_pb2
        from tensorboard.util import tensor_util

        about.data_class = getattr(summary_pb2, data_class)
        summary = summary_pb2.Summary()
        summary.value.add(tag=tag, metadata=about, tensor=tensor_util.make_tensor_proto(value))
        self._write(summary=summary, step=step)

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto import event_pb2

        self._writer.write(event_pb2.Event(wall_time=time.time(), **fields).SerializeToString())


def precision_recall(truth: np.ndarray, scores: np.ndarray, thresholds: int = _THRESHOLDS) -> np.ndarray:
    """Counts, precision and recall of `score >= threshold` at thresholds spread evenly over [0, 1].

    Args:
        truth: (clips,) bool or 0/1.
        scores: (clips,), in [0, 1].
        thresholds: how many, at least 2.

    Returns:
        (6, thresholds) float64: true positives, false positives, true negatives, false negatives, precision, recall:
        the tensor of TensorBoard's pr_curves plugin (tensorboard/plugins/pr_curve/metadata.py), in which precision is
        0 where nothing is predicted.
    """
    truth = truth.astype(bool)
    bucket = np.searchsorted(np.linspace(0.0, 1.0, thresholds), scores, side="right") - 1
    hits, alarms = (
        np.bincount(bucket[chosen], minlength=thresholds)[::-1].cumsum()[::-1] for chosen in (truth, ~truth)
    )
    misses, rejections = hits[0] - hits, alarms[0] - alarms
    precision, recall = hits / np.maximum(hits + alarms, 1), hits / max(int(hits[0]), 1)
    return np.stack([hits, alarms, rejections, misses, precision, recall]).astype(np.float64)


def add_scalars(file: EventFile, table: pandas.DataFrame, means: dict[str, Any], step: int) -> None:
    """Add every class's metrics, grouped by metric, and the means as `summary/…`."""
    for name, value in means.items():
        if isinstance(value, float):
            file.scalar(f"summary/{name}", value, step)
    for row in table.to_dict("records"):
        clips = f"{row['positives']} clips of this class"
        for metric, group in GROUPS.items():
            tag = f"{group}/{class_tag(row['class'])}"
            file.scalar(tag, row[metric], step, name=f"{group}/{row['class']}", description=clips)


def last_epoch(folder: Path) -> int:
    """The last epoch that `ValidationMetrics` wrote into a folder of TensorBoard; 0 where there is none."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return max(
        (
            event.step
            for path in folder.glob("events.out.tfevents.*")
            for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value
            if value.tag == "summary/mAP"
        ),
        default=0,
    )


def write(
    folder: Path, predictions: Predictions, table: pandas.DataFrame, means: dict[str, Any], step: int = 0
) -> None:
    """Put an evaluation into a folder of TensorBoard; what an earlier one left there goes.

    Args:
        folder: `<run>/evaluation`.
        predictions: truth and scores, for curves and the confusion matrix.
        table: of `metrics.per_class`.
        means: of `metrics.summary`.
        step: where its points stand: the last epoch, so that they end the curves of the training.
    """
    from audiotag.evaluation import confusion

    old = list(folder.glob("events.out.tfevents.*"))
    with EventFile(folder) as file:
        add_scalars(file, table, means, step)
        file.image("confusion_matrix", confusion.picture(predictions), step, description="Click it for its full size.")
        for index, name in enumerate(predictions.labels.names):
            truth = predictions.targets[:, index]
            if truth.any():
                values = precision_recall(truth, predictions.scores[:, index])
                clips = f"{int(truth.sum())} clips of this class"
                file.curve(f"pr_curve/{class_tag(name)}", values, step, name=name, description=clips)
    for path in old:
        path.unlink(missing_ok=True)
