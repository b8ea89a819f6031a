"""Chosen records as batches of NumPy arrays, in the order of the files, every shard checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.records.manifest import RECORDS, Shard
from audiotag.records.parser import Parse

_BUFFER = 1 << 20  # bytes of a file read at once


@dataclass(frozen=True)
class Part:
    """Some records of a shard.

    Args:
        shard: the shard.
        chosen: (records,) bool; None: all of them.
    """

    shard: Shard
    chosen: np.ndarray | None = None

    @property
    def size(self) -> int:
        """How many records are chosen."""
        return self.shard.examples if self.chosen is None else int(self.chosen.sum())


def batches(folder: Path, parts: Sequence[Part], parse: Parse, batch_size: int) -> Iterator[dict[str, Any]]:
    """Records of a data set.

    Args:
        folder: of the data set.
        parts: shards in the order of reading.
        parse: what is wanted of the records; it gives their `clip_id` too.
        batch_size: records at a time.

    Yields:
        What `parse` gives, as arrays; `clip_id` as a list of str.

    Raises:
        AudiotagError: a shard is missing or damaged.
    """
    parts = [part for part in parts if part.size]
    if not parts:
        return
    yielded = 0
    with tf.device("CPU:0"):
        dataset = _chosen(folder, parts).batch(batch_size).map(parse).prefetch(1)
    try:
        for batch in dataset.as_numpy_iterator():
            yielded += len(batch["clip_id"])
            yield batch | {"clip_id": [clip_id.decode() for clip_id in batch["clip_id"].tolist()]}
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        raise _damage(folder, parts) from error
    if yielded != sum(part.size for part in parts):
        raise _damage(folder, parts)


def _chosen(folder: Path, parts: Sequence[Part]) -> tf.data.Dataset:
    """The chosen records, serialised."""
    paths = [str(folder / RECORDS / part.shard.name) for part in parts]
    if all(part.chosen is None for part in parts):
        return tf.data.TFRecordDataset(paths, buffer_size=_BUFFER)
    flags = [np.ones(part.shard.examples, bool) if part.chosen is None else part.chosen for part in parts]
    ends = tf.constant(np.cumsum([len(some) for some in flags]))
    paths, every_flag = tf.constant(paths), tf.constant(np.concatenate(flags))

    def chosen_of_shard(index: tf.Tensor) -> tf.data.Dataset:
        begin = tf.where(index > 0, ends[index - 1], 0)
        records = tf.data.TFRecordDataset(paths[index], buffer_size=_BUFFER)
        flagged = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(every_flag[begin : ends[index]]))
        return flagged.filter(lambda record, chosen: chosen).map(lambda record, chosen: record)

    return tf.data.Dataset.range(len(parts)).flat_map(chosen_of_shard)


def _damage(folder: Path, parts: Sequence[Part]) -> AudiotagError:
    """The error about the first shard that is not what the manifest says."""
    for part in parts:
        path = folder / RECORDS / part.shard.name
        if not path.is_file() or storage.sha256(path) != part.shard.sha256:
            return AudiotagError(f"{path} is missing or damaged: run `audiotag verify {folder}`")
    return AudiotagError(f"the records of {folder} are not what its manifest says: run `audiotag verify {folder}`")
