"""Records parsed in batches: what `example` wrote, as tensors inside tf.data and as NumPy arrays outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from audiotag import storage
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.records import fetching
from audiotag.records.example import FULL_SCALE
from audiotag.records.manifest import RECORDS, Shard

_BUFFER = 1 << 20  # bytes of a file read at once

Parse = Callable[[tf.Tensor], dict[str, tf.Tensor]]
"""From serialised records (batch,) to their parts."""

Chosen = Mapping[Shard, np.ndarray]
"""Which records of shards are read, (records,) bool; shards in the order of reading."""

_KEY = {"clip_id": tf.io.FixedLenFeature([], tf.string), "variant": tf.io.FixedLenFeature([], tf.int64)}


def examples_of(clip_format: ClipFormat, *, waveforms: bool = False) -> Parse:
    """A function that parses a batch of records.

    Args:
        clip_format: of the data set.
        waveforms: parse the kept waveforms too.

    Returns:
        From serialised records (batch,) to `log_mel` (batch, frames, mels, 1) float32, `target` (batch, classes)
        float32, `clip_id` (batch,) string, `variant` (batch,) int64, and with `waveforms` `waveform` (batch, samples)
        float32.
    """
    features: dict[str, Any] = _KEY | {
        "log_mel": tf.io.FixedLenFeature([], tf.string),
        "labels": tf.io.VarLenFeature(tf.int64),
    }
    if waveforms:
        features["waveform"] = tf.io.FixedLenFeature([], tf.string)
        features["waveform_peak"] = tf.io.FixedLenFeature([], tf.float32)
    classes, log_mel_shape = len(clip_format.labels), (clip_format.frames, clip_format.front_end.mels, 1)

    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(serialized, features)
        batch = serialized.shape[0] or -1  # static where it is known, as compilers like it
        log_mel = tf.cast(tf.io.decode_raw(parsed["log_mel"], tf.float16), tf.float32)
        target = tf.cast(tf.sparse.to_indicator(parsed["labels"], classes), tf.float32)
        examples = {
            "log_mel": tf.reshape(log_mel, [batch, *log_mel_shape]),
            "target": tf.reshape(target, [batch, classes]),
            "clip_id": parsed["clip_id"],
            "variant": parsed["variant"],
        }
        if waveforms:
            steps = tf.cast(tf.io.decode_raw(parsed["waveform"], tf.int16), tf.float32)
            scaled = steps / FULL_SCALE * parsed["waveform_peak"][:, None]
            examples["waveform"] = tf.reshape(scaled, [batch, clip_format.samples])
        return examples

    return parse


def parse_events(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parse the strong labels of a batch of records; log-mel is not decoded.

    Args:
        serialized: (batch,), string.

    Returns:
        `clip_id` (batch,) string and `variant` (batch,) int64; ragged, a row a record: `labels` int64, `event_onset`
        and `event_offset` float32 in seconds, `event_class` int64.
    """
    whole, real = tf.io.RaggedFeature(tf.int64), tf.io.RaggedFeature(tf.float32)
    events = {"labels": whole, "event_onset": real, "event_offset": real, "event_class": whole}
    return tf.io.parse_example(serialized, _KEY | events)


def parse_teachers(serialized: tf.Tensor, *, classes: int) -> dict[str, tf.Tensor]:
    """Parse a batch of teacher records; an empty string parses to an empty key.

    Args:
        serialized: (batch,), string.
        classes: number of classes.

    Returns:
        `clip_id` (batch,) string, `variant` (batch,) int64, `logits` (batch, classes) float32, NaN for a class that the
        teacher does not know, `known` (batch,) bool: False where the teacher has no outputs (the logits are 0 there).
    """
    parsed = tf.io.parse_example(
        serialized,
        {
            "clip_id": tf.io.FixedLenFeature([], tf.string, default_value=""),
            "variant": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
            "logits": tf.io.FixedLenFeature([], tf.string, default_value=""),
        },
    )
    known = tf.strings.length(parsed["logits"]) > 0
    filled = tf.where(known, parsed["logits"], tf.constant(bytes(4 * classes)))
    logits = tf.reshape(tf.io.decode_raw(filled, tf.float32), [-1, classes])
    return {"clip_id": parsed["clip_id"], "variant": parsed["variant"], "logits": logits, "known": known}


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
    except tf.errors.UnknownError as error:
        raise fetching.reason(error) or error from error
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
        raise _damage(folder, chosen) from error
    if yielded != sum(np.count_nonzero(flags) for flags in chosen.values()):
        raise _damage(folder, chosen)


def _serialized(folder: Path, chosen: Chosen) -> tf.data.Dataset:
    paths = {shard: folder / RECORDS / shard.name for shard in chosen}
    fetch = fetching.fetcher((path, shard.bytes, shard.sha256) for shard, path in paths.items())
    numbered = tf.data.Dataset.from_tensor_slices([str(path) for path in paths.values()]).enumerate()
    files = fetching.ahead(numbered, fetch)
    if all(flags.all() for flags in chosen.values()):
        return files.flat_map(lambda index, file: tf.data.TFRecordDataset(file, buffer_size=_BUFFER))
    ends = tf.constant(np.cumsum([len(flags) for flags in chosen.values()]))
    every_flag = tf.constant(np.concatenate(list(chosen.values())))

    def chosen_of_shard(index: tf.Tensor, file: tf.Tensor) -> tf.data.Dataset:
        begin = tf.where(index > 0, ends[index - 1], 0)
        records = tf.data.TFRecordDataset(file, buffer_size=_BUFFER)
        flagged = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(every_flag[begin : ends[index]]))
        return flagged.filter(lambda record, flag: flag).map(lambda record, flag: record)

    return files.flat_map(chosen_of_shard)


def _damage(folder: Path, shards: Iterable[Shard]) -> AudiotagError:
    """The error about the first shard that is not what the manifest says."""
    for shard in shards:
        path = folder / RECORDS / shard.name
        if not storage.is_file(path) or storage.sha256(path) != shard.sha256:
            return AudiotagError(f"{path} is missing or damaged: run `audiotag verify {folder}`")
    return AudiotagError(f"the records of {folder} are not what its manifest says: run `audiotag verify {folder}`")
