"""Scores of a Keras network, for example one that is being trained, for every clip of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audiotag.metrics.predictions import Predictions
from audiotag.records import Data
from audiotag.records.clips import check_complete
from audiotag.scorers.reading import Reading

if TYPE_CHECKING:
    import keras


def predict(model: keras.Model, data: Data, split: str, batch_size: int = 32) -> Predictions:
    """Scores of every clip of a split, untouched (variant 0).

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
    from audiotag.scorers.keras_models import of_network

    scorer = of_network(model, data)
    clip_ids, targets, outputs = [], [], []
    for batch, raw in Reading(scorer, data).outputs(batch_size, split):
        clip_ids += batch["clip_id"]
        targets.append(batch["target"])
        outputs.append(raw)
    check_complete(clip_ids, data, split)
    truth, scores = np.concatenate(targets).astype(np.uint8), scorer.uncalibrated(np.concatenate(outputs))
    return Predictions(np.array(clip_ids), truth, scores, data.labels, data.task)
