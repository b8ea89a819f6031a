"""Several subjects as one: the folds of a cross-validation, each scored by the model that did not learn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.metrics.predictions import Predictions

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.scorers.predicting import Predicted


@dataclass(frozen=True)
class Heard:
    """What one subject said about a split, and all that it was asked about.

    Args:
        predicted: truth and scores.
        data: the data set; None: the truth came with the scores.
        split: expression of the splits; "" without a data set.
        run: the run folder, where the subject is one.
    """

    predicted: Predicted
    data: Data | None
    split: str
    run: Path | None


def pool(heard: Sequence[Heard]) -> Predicted:
    """All clips of all subjects; of one subject what it said.

    Raises:
        AudiotagError: other classes, another task, or a clip that two of them scored.
    """
    parts = [one.predicted for one in heard]
    first = parts[0]
    for part in parts[1:]:
        ours, theirs = first.predictions, part.predictions
        if (ours.labels.names, ours.task) != (theirs.labels.names, theirs.task):
            raise AudiotagError(
                f"subjects are evaluated together on the same classes and task, {first.subject.path} has "
                f"{len(ours.labels)} classes ({ours.task}), {part.subject.path} {len(theirs.labels)} ({theirs.task}): "
                "evaluate them one by one"
            )
    if len(parts) == 1:
        return first
    _check_apart(parts)
    import pandas

    uncalibrated = None
    if all(part.uncalibrated is not None for part in parts):
        uncalibrated = _joined([part.uncalibrated for part in parts])
    return replace(
        first,
        predictions=_joined([part.predictions for part in parts]),
        clips=pandas.concat([part.clips for part in parts], ignore_index=True),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        uncalibrated=uncalibrated,
    )


def _check_apart(parts: Sequence[Predicted]) -> None:
    """Refuse a clip that two subjects scored."""
    scored: dict[str, Path] = {}
    for part in parts:
        for clip_id in part.predictions.clip_ids.tolist():
            if clip_id in scored:
                raise AudiotagError(
                    f"subjects that are evaluated together score clips of their own, {clip_id!r} is scored by "
                    f"{scored[clip_id]} and {part.subject.path}: name runs of different folds, or compare the two "
                    "with `audiotag compare`"
                )
            scored[clip_id] = part.subject.path


def _joined(parts: Sequence[Predictions]) -> Predictions:
    first = parts[0]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("clip_ids", "targets", "scores")
    }
    for name in ("known", "recordings"):
        given = [getattr(part, name) for part in parts]
        if any(one is not None for one in given):
            blank = [np.ones_like(part.targets, bool) if name == "known" else part.clip_ids for part in parts]
            both = zip(given, blank, strict=True)
            joined[name] = np.concatenate([fallback if one is None else one for one, fallback in both])
    return replace(first, **joined)


def folds(heard: Sequence[Heard]) -> np.ndarray | None:
    """The fold of each clip, (clips,) str, of several subjects: the split it was held out in; None of one subject."""
    if len(heard) == 1:
        return None
    splits = [one.split for one in heard]
    names = splits if len(set(splits)) == len(splits) else [str(one.predicted.subject.path) for one in heard]
    return np.repeat(names, [len(one.predicted.predictions.clip_ids) for one in heard])
