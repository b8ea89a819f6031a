"""`teach`: a teacher looks at every record once, and its logits are stored beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.distill import folder, opening, workers
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.records import Data
    from audiotag.records.engines import Engine
    from audiotag.scorers.opening import Source


def teach(
    data: Data,
    teacher: Source | Sequence[Source],
    *,
    name: str | None = None,
    label_map: str | Path | None = None,
    splits: str | None = None,
    top: int | None = None,
    frames: bool = False,
    batch_size: int = 32,
    resume: bool = True,
    engine: Engine | None = None,
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
        top: store the largest logits of each record alone, this many, and one for all others, by which the mean of
            their probabilities stays what it is (`records.top_logits.shorten`). Default: store all.
        frames: store the logits of every step of time too, as float16, which a student's steps are then taught
            (`audiotag train --strong-weight`). The teachers are Keras networks that keep time, all with the same steps,
            and the task is multilabel. Default False.
        batch_size: records at a time. Default 32.
        resume: keep the shards that an interrupted run finished (True), or compute all again.
        engine: what teaches the shards instead of this process, such as `records.engines.on_beam("--runner=…")`; its
            workers open the teacher themselves, which must have a name or a file then. Default: this process.
        stated: labels, front_end, sample_rate, task and outputs of a teacher that does not state them; see
            `scorers.open`.

    Returns:
        The folder with the teacher's shards and `teacher.json`.

    Raises:
        AudiotagError: the teacher's labels or length of input do not fit, or it needs waveforms that the data set does
            not keep; the name is taken by another teacher, or by one with another `top` or other steps; `top` is not
            from 1 to less than the classes that the teacher knows; a logit is not finite; steps are asked of what has
            none.

    Example:
        >>> audiotag.distill.teach(audiotag.records.open("data/esc10"), "runs/teacher")
    """
    if batch_size < 1:
        raise AudiotagError(f"batch_size must be at least 1, received {batch_size}")
    sources = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    opened = opening.opened(data, sources, stated, label_map, frames)
    members, mean, reading, known = opened.members, opened.mean, opened.reading, opened.known
    elsewhere = None
    if engine is not None:
        teaching = workers.Teaching.of(
            data, name or mean.name, sources, label_map, stated, batch_size, mean.sha256, top, frames
        )
        elsewhere = partial(workers.make_shards, engine, teaching)
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
            top=top,
            steps=None if opened.timed is None else opened.timed.grid,
        ),
        data.select(splits or "all"),
        lambda shard: opened.outputs(shard, batch_size),
        resume=resume,
        elsewhere=elsewhere,
    )
