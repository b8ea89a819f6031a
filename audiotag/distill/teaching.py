"""`teach`: a teacher looks at every record once, and its logits are stored beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.distill import folder
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.scorers.opening import Source
    from audiotag.scorers.scorer import Scorer


def teach(
    data: Data,
    teacher: Source | Sequence[Source],
    *,
    name: str | None = None,
    label_map: str | Path | None = None,
    splits: str | None = None,
    batch_size: int = 32,
    resume: bool = True,
    **stated: Any,
) -> Path:
    """Store a teacher's logits for every record, augmented views included ("consistent teaching", arXiv 2308.11957).

    Args:
        data: an open data set.
        teacher: whatever `scorers.open` takes, or a scorer that it gave: run folder, `.keras`, LiteRT or ONNX file,
            SavedModel, name of a published model, `module:function`, a Keras model or a function; or a list of them,
            whose logits are averaged. A model that gives scores teaches by their log-odds or logarithms.
        name: what to call the outputs. Default: the teacher's name; of several, their names joined by +.
        label_map: CSV table (columns teacher,data) of classes that have neither id nor name in common; of several
            classes of the teacher for one of the data set, the largest logit counts. Where the task is multilabel, a
            class that the teacher does not know keeps its labels; where it is multiclass, the teacher must know all.
        splits: expression of the splits to judge. Default: all.
        batch_size: records at a time. Default 32.
        resume: keep the shards that an interrupted run finished (True), or compute all again.
        stated: labels, front_end, sample_rate, task and outputs of a teacher that does not state them; see
            `scorers.open`.

    Returns:
        The folder with the teacher's shards and `teacher.json`.

    Raises:
        AudiotagError: the teacher's labels or length of input do not fit, or it needs waveforms that the data set does
            not keep; the name is taken by another teacher; a logit is not finite.

    Example:
        >>> audiotag.distill.teach(audiotag.records.open("data/esc10"), "runs/teacher")
    """
    from audiotag.scorers.reading import Reading

    if batch_size < 1:
        raise AudiotagError(f"batch_size must be at least 1, received {batch_size}")
    members = _members(data, teacher, stated, label_map)
    mean = _in_classes_of(data, members, label_map)
    reading, known = Reading(mean, data), np.isin(data.labels.names, mean.labels.names)

    def logits_of(shard: Path) -> Iterator[np.ndarray]:
        for _, raw in reading.outputs(batch_size, shards=[shard], variants=None):
            logits = np.full((len(raw), len(known)), np.nan, np.float32)
            logits[:, known] = mean.logits_of(raw)
            yield from logits

    origin = f"models {mean.name}"
    if len(members) == 1:
        origin = f"function {members[0].path}" if members[0].kind == "function" else f"model {members[0].name}"
    return folder.write(
        data,
        folder.Teacher(
            name=name or mean.name,
            source=origin,
            sha256=mean.sha256,
            without=[label for label, there in zip(data.labels, known, strict=True) if not there],
            notes=[*mean.notes, *reading.notes],
        ),
        data.select(splits or "all"),
        logits_of,
        resume=resume,
    )


def _members(
    data: Data, teacher: Source | Sequence[Source], stated: dict[str, Any], table: str | Path | None
) -> list[Scorer]:
    """The teachers; a published one that does not suit the data set is refused before its weights are fetched."""
    from audiotag import models, scorers
    from audiotag.scorers import keras_models
    from audiotag.scorers.reading import Reading

    sources = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
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
