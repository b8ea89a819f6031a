"""What no metric is defined for, refused with the clip's name."""

from __future__ import annotations

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.task import Task


class NotFiniteError(AudiotagError):
    """A score is NaN or infinite."""


def check(
    targets: np.ndarray,
    scores: np.ndarray,
    task: Task | str,
    clip_ids: np.ndarray,
    known: np.ndarray | None = None,
) -> None:
    """Refuse what no metric is defined for: other shapes, targets that are not 0 or 1, scores that are not finite.

    Args:
        targets: (clips, classes), 0 or 1; exactly one 1 a clip where the classes of the task exclude each other.
        scores: (clips, classes).
        task: of the clips.
        clip_ids: (clips,) names for the messages.
        known: (clips, classes) bool, False where nobody judged the pair; its target must be 0. Default: all known.

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
