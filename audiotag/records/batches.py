"""Chosen records as batches of NumPy arrays, in the order of the files, every shard checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.records.manifest import RECORDS, Shard
from audiotag.records.parser import Parse

_BUFFER = 1 << 20  # bytes of a file read at once


Chosen = Mapping[Shard, np.ndarray]
"""Which records of shards are read, (records,) bool; shards in the order of reading."""


def batches(folder: Path, chosen: Chosen, parse: Parse, batch_size: int) -> Iterator[dict[str, Any]]:
    """Records of a data set.

    Args:
        folder: of the data set.
        chosen: which records are read.
        parse: what is wanted of the records; it gives their `clip_id` too.
        batch_size: records at a time.

    Yields:
        What `parse` gives, as arrays; `clip_id` as a list of str.

    Raises:
        AudiotagError: a shard is missing or damaged.
    """
    chosen = {shard: flags for shard, flags in chosen.items() if flags.any()}
    if not chosen:
        return
    yielded = 0
    with tf.device("CPU:0"):
        dataset = _serialized(folder, chosen).batch(batch_size).map(parse).prefetch(1)
    try:
        for batch in dataset.as_numpy_iterator():
            yielded += len(batch["clip_id"])
            yield batch | {"clip_id": [clip_id.decode() for clip_id in batch["clip_id"].tolist()]}
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        raise _damage(folder, chosen) from error
    if yielded != sum(np.count_nonzero(flags) for flags in chosen.values()):
        raise _damage(folder, chosen)


def _serialized(folder: Path, chosen: Chosen) -> tf.data.Dataset:
    paths = [str(folder / RECORDS / shard.name) for shard in chosen]
    if all(flags.all() for flags in chosen.values()):
        return tf.data.TFRecordDataset(paths, buffer_size=_BUFFER)
    ends = tf.constant(np.cumsum([len(flags) for flags in chosen.values()]))
    paths, every_flag = tf.constant(paths), tf.constant(np.concatenate(list(chosen.values())))

    def chosen_of_shard(index: tf.Tensor) -> tf.data.Dataset:
        begin = tf.where(index > 0, ends[index - 1], 0)
        records = tf.data.TFRecordDataset(paths[index], buffer_size=_BUFFER)
        flagged = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(every_flag[begin : ends[index]]))
        return flagged.filter(lambda record, flag: flag).map(lambda record, flag: record)

    return tf.data.Dataset.range(len(chosen)).flat_map(chosen_of_shard)


def _damage(folder: Path, shards: Iterable[Shard]) -> AudiotagError:
    """The error about the first shard that is not what the manifest says."""
    for shard in shards:
        path = folder / RECORDS / shard.name
        if not path.is_file() or storage.sha256(path) != shard.sha256:
            return AudiotagError(f"{path} is missing or damaged: run `audiotag verify {folder}`")
    return AudiotagError(f"the records of {folder} are not what its manifest says: run `audiotag verify {folder}`")
