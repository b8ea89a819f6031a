"""Scores of every step of time, for every clip of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.records import Data
from audiotag.task import Task

if TYPE_CHECKING:
    import keras

    from audiotag.models.frames import FrameSteps
    from audiotag.tagging.events import FrameScores


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
    from audiotag.models.frames import frame_level, frame_steps
    from audiotag.tagging.events import FrameScores

    frames = frame_level(network)
    bounds = step_bounds(frame_steps(frames), data)
    scores: dict[str, FrameScores] = {}
    with progress.bar(
        f"Predicting every step of {data.name} {split}", data.count(split, variants=0), "clips"
    ) as advance:
        for log_mel, target, clip_ids, _ in data.read(split, batch_size=batch_size, variants=0, keys=True):
            logits = _logits(frames, np.asarray(log_mel), batch_size)[:, : len(bounds) - 1]
            for clip_id, steps in zip(np.asarray(clip_ids).tolist(), logits, strict=True):
                name = clip_id.decode()
                _check(steps, name, target.shape[1])
                scores[name] = FrameScores(bounds[:-1], bounds[1:], Task(data.task).probabilities(steps))
            advance(len(logits))
    return scores


def step_bounds(steps: FrameSteps, data: Data) -> np.ndarray:
    """Where the steps of a clip end and begin: every instant belongs to the step whose centre is nearest.

    Args:
        steps: of the frame-level network.
        data: an open data set, for the length of its clips.

    Returns:
        (steps + 1,) float64, seconds, from 0 to `data.seconds`; steps centred beyond the end are left out.
    """
    distance, first = steps.seconds(data.front_end)
    centres = first + np.arange(steps.count(data.frames)) * distance
    centres = centres[: max(int(np.sum(centres < data.seconds)), 1)]
    return np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [data.seconds]])


def _logits(frames: keras.Model, log_mel: np.ndarray, batch_size: int) -> np.ndarray:
    """Logits (clips, steps, classes); a short batch is filled up, since a new shape is a new compilation."""
    filled = np.pad(log_mel, ((0, batch_size - len(log_mel)), (0, 0), (0, 0), (0, 0)))
    return np.asarray(frames.predict_on_batch(filled), np.float32)[: len(log_mel)]


def _check(logits: np.ndarray, clip_id: str, classes: int) -> None:
    if logits.shape[1] != classes:
        raise AudiotagError(
            f"a model must give one logit a class, {logits.shape[1]} for {classes} classes: "
            "evaluate it on the data set it was trained for"
        )
    if not np.isfinite(logits).all():
        raise AudiotagError(f"scores must be finite, those of the steps of clip {clip_id!r} are not")
