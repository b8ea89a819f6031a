"""`teach`: a Keras teacher looks at every record once, and its logits are stored beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.distill import folder
from audiotag.errors import AudiotagError
from audiotag.records import example

if TYPE_CHECKING:
    from audiotag.distill.teachers import Ensemble
    from audiotag.records import Data


def teach(
    data: Data,
    teacher: str | Path | Sequence[str | Path],
    *,
    name: str | None = None,
    splits: str | None = None,
    batch_size: int = 32,
    resume: bool = True,
) -> Path:
    """Store a teacher's logits for every record, augmented views included ("consistent teaching", arXiv 2308.11957).

    Args:
        data: an open data set.
        teacher: run folder, `.keras` file with a card, or name of a published model with the data set's classes;
            or a list of them, whose logits are averaged.
        name: what to call the outputs. Default: the teacher's name; of several, their names joined by +.
        splits: expression of the splits to judge. Default: all.
        batch_size: records at a time. Default 32.
        resume: keep the shards that an interrupted run finished (True), or compute all again.

    Returns:
        The folder with the teacher's shards and `teacher.json`.

    Raises:
        AudiotagError: the teacher's labels, front end or length of input are not the data set's; the name is taken by
            another teacher; a logit is not finite.

    Example:
        >>> audiotag.distill.teach(audiotag.records.open("data/esc10"), "runs/teacher")
    """
    from audiotag.distill import teachers

    if batch_size < 1:
        raise AudiotagError(f"batch_size must be at least 1, received {batch_size}")
    ensemble = teachers.load(teacher, data)

    def outputs(shard: Path) -> Iterator[np.ndarray]:
        return _logits(ensemble, data, shard, batch_size)

    return folder.write(
        data,
        name or ensemble.name,
        f"model {ensemble.name}",
        ensemble.sha256,
        data.select(splits or "all"),
        outputs,
        resume=resume,
    )


def _logits(ensemble: Ensemble, data: Data, shard: Path, batch_size: int) -> Iterator[np.ndarray]:
    """Logits of a shard's records in order.

    Every batch has the same size, the last one filled up: a matrix product may round differently in another shape,
    and a resumed run must give the same bytes.
    """
    for batch in _batches(data, shard, batch_size):
        log_mel = batch["log_mel"]
        filled = np.zeros((batch_size, *log_mel.shape[1:]), np.float32)
        filled[: len(log_mel)] = log_mel
        logits = ensemble.logits(filled)[: len(log_mel)]
        if not np.isfinite(logits).all():
            row = int(np.argwhere(~np.isfinite(logits))[0, 0])
            clip_id, variant = batch["clip_id"][row].decode(), int(batch["variant"][row])
            raise AudiotagError(
                f"a teacher's logits must be finite, {ensemble.name} gives {logits[row].min()} for clip {clip_id!r}, "
                f"variant {variant}: train the teacher again"
            )
        yield from logits


def _batches(data: Data, shard: Path, batch_size: int) -> Iterator[dict[str, np.ndarray]]:
    import tensorflow as tf

    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return example.parse_examples(
            serialized, frames=data.frames, mels=data.front_end.mels, classes=len(data.labels)
        )

    records = tf.data.TFRecordDataset(str(shard)).batch(batch_size).map(parse).prefetch(2)
    try:
        yield from records.as_numpy_iterator()
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        raise AudiotagError(f"{shard} is missing or damaged: run `audiotag verify {data.path}`") from error
