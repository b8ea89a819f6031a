"""`teach`: a teacher hears every record once, and its logits are stored beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.distill import folder
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.distill.teachers import Ensemble, Source
    from audiotag.labels import Labels
    from audiotag.records import Data


def teach(
    data: Data,
    teacher: Source | Sequence[Source],
    *,
    name: str | None = None,
    labels: Labels | str | Path | Sequence[str] | None = None,
    label_map: str | Path | None = None,
    splits: str | None = None,
    batch_size: int = 32,
    resume: bool = True,
) -> Path:
    """Store a teacher's logits for every record, augmented views included ("consistent teaching", arXiv 2308.11957).

    Args:
        data: an open data set.
        teacher: run folder, `.keras` file, name of a published model, `module:function`, a Keras model or a function;
            or a list of them, whose logits are averaged. A function takes waveforms (batch, samples) float32 and gives
            logits (batch, classes); see `distill.functions.function` for what its attributes say. A Keras model takes
            log-mel (batch, frames, mels, 1) or waveforms (batch, samples).
        name: what to call the outputs. Default: the teacher's name; of several, their names joined by +.
        labels: classes in the order of the logits, of a teacher that does not state its own: a `Labels`, the path of a
            `labels.csv`, or names. Default: those of the data set.
        label_map: CSV table (columns teacher,data) of classes that have neither id nor name in common; of several
            classes of the teacher for one of the data set, the largest logit counts. Where the task is multilabel, a
            class that the teacher does not know keeps its labels; where it is multiclass, the teacher must know all.
        splits: expression of the splits to judge. Default: all.
        batch_size: records at a time. Default 32.
        resume: keep the shards that an interrupted run finished (True), or compute all again.

    Returns:
        The folder with the teacher's shards and `teacher.json`.

    Raises:
        AudiotagError: the teacher's labels or length of input do not fit, or it needs waveforms that the data set does
            not keep; the name is taken by another teacher; a logit is not finite.

    Example:
        >>> audiotag.distill.teach(audiotag.records.open("data/esc10"), "runs/teacher")
    """
    from audiotag.distill import teachers

    if batch_size < 1:
        raise AudiotagError(f"batch_size must be at least 1, received {batch_size}")
    ensemble = teachers.load(teacher, data, labels, label_map)

    def outputs(shard: Path) -> Iterator[np.ndarray]:
        return _logits(ensemble, data, shard, batch_size)

    return folder.write(
        data,
        name or ensemble.name,
        ensemble.source,
        ensemble.sha256,
        data.select(splits or "all"),
        outputs,
        resume=resume,
        without=[label for label, known in zip(data.labels, ensemble.known, strict=True) if not known],
        notes=ensemble.notes,
    )


def _logits(ensemble: Ensemble, data: Data, shard: Path, batch_size: int) -> Iterator[np.ndarray]:
    """Logits of a shard's records in order.

    Every batch has the same size, the last one filled up with its own records: a matrix product may round differently
    in another shape, and a resumed run must give the same bytes.
    """
    for batch in data.batches(shards=[shard], batch_size=batch_size, variants=None, waveforms=ensemble.needs_waveforms):
        clip_ids, size = batch.pop("clip_id"), len(batch["variant"])
        filled = {name: np.resize(values, (batch_size, *values.shape[1:])) for name, values in batch.items()}
        logits = ensemble.logits(filled)[:size]
        bad = np.argwhere(~np.isfinite(logits) & ensemble.known)
        if len(bad):
            row, position = bad[0]
            clip_id, variant = clip_ids[row], int(batch["variant"][row])
            raise AudiotagError(
                f"a teacher's logits must be finite, {ensemble.name} gives {logits[row, position]} for clip "
                f"{clip_id!r}, variant {variant}: correct the teacher or train it again"
            )
        yield from logits
