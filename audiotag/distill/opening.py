"""Teachers, opened for a data set: their mean in its classes, and its outputs for a shard of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.distill import folder
from audiotag.distill.timed import TimedTeachers
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.scorers.opening import Source
    from audiotag.scorers.reading import Reading
    from audiotag.scorers.scorer import Scorer


@dataclass(frozen=True)
class Opened:
    """Teachers in front of a data set.

    Args:
        members: the teachers.
        mean: of them, in the classes of the data set that they know.
        reading: how the mean reads the data set.
        timed: what they say of every step of time too. None: that is not asked.
    """

    members: Sequence[Scorer]
    mean: Scorer
    reading: Reading
    timed: TimedTeachers | None = None

    @property
    def known(self) -> np.ndarray:
        """Which classes of the data set the teachers know: (classes,), bool."""
        return np.isin(self.reading.data.labels.names, self.mean.labels.names)

    def outputs(self, shard: str | Path, batch_size: int) -> Iterator[np.ndarray]:
        """Logits of the records of a shard, in order: (classes,), float32, NaN for a class that no teacher knows.

        Where steps are asked (1 + steps, classes), those of the clip first.
        """
        known, run = self.known, None if self.timed is None else self.timed.run
        for _, raw in self.reading.outputs(batch_size, run=run, shards=[shard], variants=None):
            logits = np.full((*raw.shape[:-1], len(known)), np.nan, np.float32)
            logits[..., known] = self.mean.logits_of(raw)
            yield from logits


def opened(
    data: Data,
    sources: Sequence[Source],
    stated: dict[str, Any],
    label_map: str | Path | None,
    frames: bool = False,
) -> Opened:
    """Open teachers; arguments and errors as of `teach`."""
    from audiotag.scorers.reading import Reading

    members = _members(data, sources, stated, label_map)
    mean = _in_classes_of(data, members, label_map)
    reading = Reading(mean, data)
    return Opened(members, mean, reading, TimedTeachers(members, reading, label_map) if frames else None)


def _members(data: Data, sources: Sequence[Source], stated: dict[str, Any], table: str | Path | None) -> list[Scorer]:
    """The teachers; a published one that does not suit the data set is refused before its weights are fetched."""
    from audiotag import models, scorers
    from audiotag.scorers import keras_models
    from audiotag.scorers.reading import Reading

    if not sources:
        raise AudiotagError("teaching needs a teacher, received an empty list: name a run, a .keras file or a model")
    members = []
    for source in sources:
        if not any(stated.values()) and isinstance(source, str) and source in models.PRESETS:
            Reading(_in_classes_of(data, [keras_models.unfetched(models.preset(source))], table), data)
        members.append(scorers.open(source, data, **stated))
        if not isinstance(members[-1], scorers.Scorer):
            raise AudiotagError(
                f"a teacher scores sound, {source} is a table of scores: import logits from a .npz or .npy"
            )
    return members


def _in_classes_of(data: Data, members: Sequence[Scorer], table: str | Path | None) -> Scorer:
    """The mean of the teachers in the classes of the data set that they know: all of them, where classes compete."""
    from audiotag.scorers import ensemble

    mean = ensemble.of(members, data.labels, data.name, data.task, table)
    folder.check_known(mean.name, [label for label in data.labels if label not in mean.labels.names], data)
    return mean
