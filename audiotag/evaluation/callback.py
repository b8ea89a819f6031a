"""Watch the metrics that matter while training: mAP, AUC, accuracy or F1 of a split after every epoch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from audiotag.errors import AudiotagError
from audiotag.evaluation import metrics
from audiotag.evaluation.events import EventFile, add_scalars
from audiotag.evaluation.predictions import clips_of, cross_entropy, gather

if TYPE_CHECKING:
    from audiotag.records import Data


class ValidationMetrics(keras.callbacks.Callback):
    """Adds `val_loss`, `val_mAP`, `val_AUC` and `val_accuracy` (multiclass) or `val_F1` (multilabel) to the logs.

    `val_loss` is the cross-entropy against the labels, so that runs with and without a teacher compare; one that Keras
    has measured itself (`validation_data`) is left as it is.

    Put it before the callbacks that read them, `EarlyStopping(monitor="val_mAP", mode="max")` for example: Keras
    hands one dictionary of logs from callback to callback. A metric that is not defined for the split (AUC where
    every clip has the class) is left out of the logs.

    Args:
        network: log-mel (batch, frames, mels, 1) -> logits (batch, classes); the model being trained, or the network
            inside it where that one has several outputs.
        data: an open data set.
        split: expression of the splits to watch.
        batch_size: clips at a time.
        logdir: TensorBoard folder for every class's curves, for example `<run>/validation`. Default: none written.

    Raises:
        AudiotagError: when training begins, if no clip of the split has a label: no metric would be defined. After
            an epoch, if a score is not finite, naming the clip.
    """

    def __init__(
        self, network: keras.Model, data: Data, split: str, batch_size: int = 32, logdir: Path | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.data = data
        self.split = split
        self.batch_size = batch_size
        self.logdir = logdir
        self._file: EventFile | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuse a split in which nothing can be found; open the event file."""
        if not clips_of(self.data, self.split)["labels"].astype(bool).any():
            raise AudiotagError(
                f"a validation split needs labelled clips, {self.split!r} of {self.data.name} has none: choose another"
            )
        if self.logdir is not None:
            self._file = EventFile(Path(self.logdir))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the split and add the metrics to the logs."""
        found = gather(self.network, self.data, self.split, self.batch_size)
        table = metrics.per_class(found.targets, found.scores, found.labels, task=found.task)
        means = metrics.summary(table, found.targets, found.scores, found.task)
        if logs is not None:
            logs.setdefault("val_loss", cross_entropy(found))
            watched = ("mAP", "AUC", "accuracy" if found.task == "multiclass" else "F1")
            logs |= {f"val_{name}": means[name] for name in watched if not math.isnan(means[name])}
        if self._file is not None:
            add_scalars(self._file, table, means, epoch)
            self._file.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the event file."""
        if self._file is not None:
            self._file.close()
            self._file = None
