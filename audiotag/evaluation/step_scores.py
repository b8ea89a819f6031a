"""What a network says of every step of time of every clip of a split."""

from __future__ import annotations

import keras
import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.models.frames import FrameSteps, frame_level, frame_steps
from audiotag.records import Data
from audiotag.records.clips import clips_of
from audiotag.records.example import EventRow
from audiotag.records.strong_labels import strong_labels
from audiotag.scorers.inputs import of_size
from audiotag.tagging.events import FrameScores
from audiotag.task import Task


def frame_scores(network: keras.Model, data: Data, split: str, batch_size: int = 32) -> dict[str, FrameScores]:
    """Scores of every step of every clip of a split, untouched (variant 0), with a progress bar.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, classes), one that keeps time
            (`audiotag.models.frames.frame_level`).
        data: an open data set.
        split: expression of splits: "test", "fold5", "fold1..4".
        batch_size: clips at a time.

    Returns:
        By clip id, in the order of the records: the steps of the clip, from 0 to `data.seconds`, and their scores,
        sigmoid (multilabel) or softmax (multiclass), float64.

    Raises:
        AudiotagError: a network that keeps no time or has another number of classes, or a score that is not finite.
    """
    frames = frame_level(network)
    if frames.output_shape[-1] != len(data.labels):
        raise AudiotagError(
            f"a model must give one logit a class, {frames.output_shape[-1]} for {len(data.labels)} classes: "
            "evaluate it on the data set it was trained for"
        )
    bounds, run = _bounds(frame_steps(frames), data), of_size(frames.predict_on_batch, batch_size)
    scores: dict[str, FrameScores] = {}
    title = f"Predicting every step of {data.name} {split}"
    with progress.bar(title, data.count(split, variants=0), "clips") as advance:
        for batch in data.batches(split, batch_size=batch_size):
            logits = run(batch["log_mel"])[:, : len(bounds) - 1]
            for clip_id, steps in zip(batch["clip_id"], logits, strict=True):
                if not np.isfinite(steps).all():
                    raise AudiotagError(f"scores must be finite, those of the steps of clip {clip_id!r} are not")
                scores[clip_id] = FrameScores(bounds[:-1], bounds[1:], Task(data.task).probabilities(steps))
            advance(len(logits))
    return scores


def judged(data: Data, split: str) -> dict[str, tuple[EventRow, ...]]:
    """The events of the clips of a split that somebody judged: with events, or without any label, by clip id."""
    clips = clips_of(data, split)
    labelled = dict(zip(clips["clip_id"], clips["labels"] != "", strict=True))
    return {clip_id: rows for clip_id, rows in strong_labels(data, split).items() if rows or not labelled[clip_id]}


def _bounds(steps: FrameSteps, data: Data) -> np.ndarray:
    """Where the steps of a clip begin and end, (steps + 1,) seconds; steps centred beyond the end are left out."""
    distance, first = steps.seconds(data.front_end)
    centres = first + np.arange(steps.count(data.frames)) * distance
    centres = centres[: max(int(np.sum(centres < data.seconds)), 1)]
    return np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [data.seconds]])
