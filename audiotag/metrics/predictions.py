"""A model's scores for clips beside the truth, and all that the metrics need to know of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.task import Task

DEFAULT_THRESHOLD = 0.5
"""Score from which a class counts as found where nobody chose another."""


class NotFiniteError(AudiotagError):
    """A score is NaN or infinite."""


@dataclass(frozen=True)
class Predictions:
    """What a model predicted for a split, beside the truth.

    Args:
        clip_ids: (clips,) str, unique.
        targets: (clips, classes) uint8, 0 or 1.
        scores: (clips, classes) float64, probabilities in [0, 1].
        labels: vocabulary.
        task: or its name.
        known: (clips, classes) bool, False where nobody judged whether the clip has the class (OpenMIC's partial
            labels): such a pair counts nowhere, and its target must be 0. None: everything is known.
        recordings: (clips,) str, the recording that each clip was cut from; clips of one recording are not
            independent. None: not known.
        thresholds: (classes,) float64, from which score each class counts as found (multilabel). None: 0.5.

    Raises:
        AudiotagError: see `check`; or another number of ids, recordings, labels or thresholds.
    """

    clip_ids: np.ndarray
    targets: np.ndarray
    scores: np.ndarray
    labels: Labels
    task: Task
    known: np.ndarray | None = None
    recordings: np.ndarray | None = None
    thresholds: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", Task(self.task))
        check(self.targets, self.scores, self.task, self.clip_ids, self.known)
        if self.clip_ids.shape != (len(self.targets),) or len(self.labels) != self.targets.shape[1]:
            raise AudiotagError(
                f"predictions need one id a clip and one label a class, received {len(self.clip_ids)} ids and "
                f"{len(self.labels)} labels for {self.targets.shape}"
            )
        if self.recordings is not None and self.recordings.shape != self.clip_ids.shape:
            raise AudiotagError(
                f"predictions need one recording a clip, received {len(self.recordings)} for {len(self.clip_ids)}"
            )
        if self.thresholds is not None and self.thresholds.shape != (len(self.labels),):
            raise AudiotagError(
                f"predictions need one threshold a class, received {self.thresholds.shape} for {len(self.labels)}"
            )

    @property
    def limits(self) -> np.ndarray:
        """(classes,) float64, the threshold of every class."""
        return np.full(len(self.labels), DEFAULT_THRESHOLD) if self.thresholds is None else self.thresholds

    @property
    def judged(self) -> np.ndarray:
        """(clips, classes) bool, the pairs that count: all, or those that are known."""
        return np.ones(self.targets.shape, bool) if self.known is None else self.known

    def of_class(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Truth (bool) and scores of the clips of which it is known whether they have a class."""
        rows = slice(None) if self.known is None else self.known[:, index]
        return self.targets[rows, index].astype(bool), self.scores[rows, index]

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Truth (bool) and scores of every pair of a clip and a class that counts, (pairs,)."""
        return self.targets[self.judged].astype(bool), self.scores[self.judged]

    def take(self, rows: np.ndarray, columns: np.ndarray | None = None) -> Predictions:
        """The predictions of some clips, and of some classes.

        Args:
            rows: places of the clips, or a mask (clips,).
            columns: places of the classes. Default: all.
        """
        parts = {name: getattr(self, name) for name in ("clip_ids", "targets", "scores", "known", "recordings")}
        parts = {name: None if values is None else values[rows] for name, values in parts.items()}
        if columns is None:
            return replace(self, **parts)
        for name in ("targets", "scores", "known"):
            parts[name] = None if parts[name] is None else parts[name][:, columns]
        labels = Labels(*(tuple(texts[column] for column in columns) for texts in (self.labels.names, self.labels.ids)))
        limits = None if self.thresholds is None else self.thresholds[columns]
        return replace(self, **parts, labels=labels, thresholds=limits)


def cross_entropy(predictions: Predictions) -> float:
    """Mean cross-entropy of scores against labels: the loss of training, without a teacher and without mixup.

    Categorical where the classes exclude each other, else binary and averaged over the known pairs of a clip and a
    class. Scores are kept 1e-12 away from 0 and 1.
    """
    scores, targets = np.clip(predictions.scores, 1e-12, 1 - 1e-12), predictions.targets
    if predictions.task.exclusive:
        return float(-(targets * np.log(scores)).sum(axis=1).mean())
    losses = -(targets * np.log(scores) + (1 - targets) * np.log1p(-scores))
    return float(losses[predictions.judged].mean())


def check(
    targets: np.ndarray,
    scores: np.ndarray,
    task: Task | str,
    clip_ids: np.ndarray,
    known: np.ndarray | None = None,
) -> None:
    """Refuse what no metric is defined for: other shapes, targets that are not 0 or 1, scores that are not finite.

    Args: as the fields of `Predictions`; where the classes of the task exclude each other a clip has exactly one 1.

    Raises:
        AudiotagError: naming the first clip at fault.
        NotFiniteError: where its score is at fault.
    """
    exclusive = Task(task).exclusive
    if targets.ndim != 2 or targets.shape != scores.shape or not len(targets):
        raise AudiotagError(
            f"targets and scores must both be (clips, classes) with at least one clip, received {targets.shape} and "
            f"{scores.shape}: score the same clips and classes"
        )
    for row, column in np.argwhere(~np.isfinite(scores))[:1]:
        raise NotFiniteError(
            f"scores must be finite, received {scores[row, column]} for {_name(clip_ids, row)}, class {column}: the "
            "model's weights or its input hold NaN or infinity; go back to an earlier checkpoint"
        )
    for row, column in np.argwhere((targets != 0) & (targets != 1))[:1]:
        raise AudiotagError(
            f"targets must be 0 or 1, received {targets[row, column]} for {_name(clip_ids, row)}, class {column}"
        )
    if exclusive:
        for (row,) in np.argwhere(targets.sum(axis=1) != 1)[:1]:
            raise AudiotagError(
                f"a multiclass clip has exactly one label, {_name(clip_ids, row)} has {int(targets[row].sum())}: "
                "use task multilabel"
            )
    if known is None:
        return
    if known.dtype != bool or known.shape != targets.shape:
        raise AudiotagError(
            f"known must be bool of the shape of the targets {targets.shape}, received {known.dtype} {known.shape}"
        )
    if exclusive and not known.all():
        raise AudiotagError(
            f"every class of a multiclass clip is known, {_name(clip_ids, np.argmin(known.all(axis=1)))} has unknown "
            "ones: leave the clip out or use task multilabel"
        )
    for row, column in np.argwhere(~known & (targets != 0))[:1]:
        raise AudiotagError(
            f"the target of an unknown pair must be 0, received {targets[row, column]} for {_name(clip_ids, row)}, "
            f"class {column}: set it to 0 or mark the pair as known"
        )


def _name(clip_ids: np.ndarray, row: int) -> str:
    return f"clip {str(clip_ids[row])!r}"
