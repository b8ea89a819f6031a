"""Scores of a Keras network for every clip of a split, checked against the list of clips."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.metrics.checks import check
from audiotag.metrics.predictions import Predictions
from audiotag.records.clips import check_complete
from audiotag.task import Task

if TYPE_CHECKING:
    import keras

    from audiotag.records import Data


def predict(model: keras.Model, data: Data, split: str, batch_size: int = 32) -> Predictions:
    """Scores of every clip of a split, untouched (variant 0), with a progress bar.

    Args:
        model: (batch, frames, mels, 1) -> logits (batch, classes).
        data: an open data set.
        split: expression of splits: "test", "fold5", "fold1..4".
        batch_size: clips at a time.

    Returns:
        Predictions in the order of the records.

    Raises:
        AudiotagError: a score is not finite, or the records and `clips.csv` disagree about the clips of the split.
    """
    total = data.count(split, variants=0)
    with progress.bar(f"Predicting {data.name} {split}", total, "clips") as advance:
        return gather(model, data, split, batch_size, advance)


def gather(
    model: keras.Model, data: Data, split: str, batch_size: int, advance: Callable[[int], None] | None = None
) -> Predictions:
    """What `predict` does, reporting each batch's number of clips to `advance`."""
    clip_ids, targets, logits = [], [], []
    for log_mel, target, clip_id, _ in data.read(split, batch_size=batch_size, variants=0, keys=True):
        clip_ids += [key.decode() for key in np.asarray(clip_id).tolist()]
        targets.append(np.asarray(target))
        logits.append(_logits(model, np.asarray(log_mel), batch_size))
        if logits[-1].shape != targets[-1].shape:
            raise AudiotagError(
                f"a model must give one logit a class, {logits[-1].shape[1:]} for {len(data.labels)} classes of "
                f"{data.name}: evaluate it on the data set it was trained for"
            )
        if advance is not None:
            advance(len(target))
    check_complete(clip_ids, data, split)
    names, truth, raw = np.array(clip_ids), np.concatenate(targets), np.concatenate(logits)
    check(truth, raw, data.task, names)
    scores = Task(data.task).probabilities(raw)
    return Predictions(names, truth.astype(np.uint8), scores, data.labels, data.task)


def _logits(model: keras.Model, log_mel: np.ndarray, batch_size: int) -> np.ndarray:
    """Logits of at most `batch_size` examples; a short batch is filled up, since a new shape is a new compilation."""
    missing = batch_size - len(log_mel)
    filled = np.pad(log_mel, ((0, missing), (0, 0), (0, 0), (0, 0)))
    return np.asarray(model.predict_on_batch(filled), np.float32)[: len(log_mel)]
