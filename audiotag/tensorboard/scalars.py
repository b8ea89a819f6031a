"""Every class's metrics as TensorBoard's scalars, grouped by metric, and the means as `summary/…`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.tensorboard.events import PATTERN, EventFile, class_tag

if TYPE_CHECKING:
    import pandas

GROUPS = {
    "AP": "average_precision",
    "AUC": "AUC",
    "d_prime": "d_prime",
    "F1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "ECE": "calibration_error",
}
"""Columns of the table, and the groups of charts in which TensorBoard shows them."""


def add_scalars(file: EventFile, table: pandas.DataFrame, means: dict[str, Any], step: int) -> None:
    """Add every class's metrics and the means; of a class without clips nothing, since nothing of it is known."""
    for name, value in means.items():
        if isinstance(value, float):
            file.scalar(f"summary/{name}", value, step)
    judged = table[table["positives"] > 0]
    names = judged["class"].tolist()
    tags = [class_tag(name) for name in names]
    clips = [f"{count} clips of this class" for count in judged["positives"]]
    for metric, group in GROUPS.items():
        for name, tag, value, about in zip(names, tags, judged[metric].tolist(), clips, strict=True):
            file.scalar(f"{group}/{tag}", value, step, name=f"{group}/{name}", description=about)


def last_epoch(folder: Path) -> int:
    """The last epoch whose metrics a folder of event files shows; 0 where there is none."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return max(
        (
            event.step
            for path in folder.glob(PATTERN)
            for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value
            if value.tag == "summary/mAP"
        ),
        default=0,
    )
