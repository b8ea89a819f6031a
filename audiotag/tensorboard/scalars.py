"""Every class's metrics as TensorBoard's scalars, grouped by metric, and the means as `summary/…`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.tensorboard.events import PATTERN, EventFile, class_tag

if TYPE_CHECKING:
    import pandas

GROUPS = {
    "AP": "· average_precision",
    "AUC": "· AUC",
    "d_prime": "· d_prime",
    "F1": "· F1",
    "precision": "· precision",
    "recall": "· recall",
    "accuracy": "· accuracy",
    "ECE": "· calibration_error",
}
"""Columns of the table, and the groups of charts in which TensorBoard shows them.

It sorts groups by their names and opens the first; the dot comes after every letter, so that Keras' losses
(`epoch_loss`) and `summary` stand before the hundreds of charts of the classes.
"""


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


LAYOUT = {
    "what matters": {
        "mAP": ["summary/mAP"],
        "loss": ["epoch_loss", "epoch_.*_loss"],
        "accuracy and F1": ["summary/accuracy", "summary/F1", "summary/micro_F1"],
        "AUC": ["summary/AUC", "summary/micro_AUC"],
        "learning rate": ["epoch_learning_rate"],
    },
    "every class": {
        group.removeprefix("· ").replace("_", " "): [f"{group}/.*"]
        for group in map(GROUPS.get, ("AP", "F1", "precision", "recall", "AUC"))
    },
}
"""The tab CUSTOM SCALARS: its groups, their charts and the tags in each, what is looked at first at the top."""


def add_layout(file: EventFile) -> None:
    """Arrange what training and evaluation write in TensorBoard's tab CUSTOM SCALARS, see `LAYOUT`."""
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata
    from tensorboard.util import tensor_util

    layout = layout_pb2.Layout()
    for group, charts in LAYOUT.items():
        category = layout.category.add(title=group)
        for title, tags in charts.items():
            chart = layout_pb2.MultilineChartContent(tag=[f"^{tag}$" for tag in tags])
            category.chart.add(title=title, multiline=chart)
    tensor = tensor_util.make_tensor_proto(layout.SerializeToString())
    file.add(metadata.CONFIG_SUMMARY_TAG, tensor, 0, metadata.create_summary_metadata(), "DATA_CLASS_TENSOR")


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
