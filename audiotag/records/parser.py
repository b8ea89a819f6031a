"""Records parsed in batches: what `example` wrote, as tensors inside tf.data and as NumPy arrays outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from audiotag import storage
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.frontend import log_mel
from audiotag.records import fetching
from audiotag.records.example import FULL_SCALE
from audiotag.records.manifest import RECORDS, Shard
from audiotag.records.stored import StoredLogMel

_BUFFER = 1 << 20  # bytes of a file read at once

Parse = Callable[[tf.Tensor], dict[str, tf.Tensor]]
"""From serialised records (batch,) to their parts."""

Chosen = Mapping[Shard, np.ndarray]
"""Which records of shards are read, (records,) bool; shards in the order of reading."""

_KEY = {"clip_id": tf.io.FixedLenFeature([], tf.string), "variant": tf.io.FixedLenFeature([], tf.int64)}
_EVENTS = {
    "event_onset": tf.io.RaggedFeature(tf.float32),
    "event_offset": tf.io.RaggedFeature(tf.float32),
    "event_class": tf.io.RaggedFeature(tf.int64),
    "event_velocity": tf.io.RaggedFeature(tf.int64),
}


def examples_of(
    clip_format: ClipFormat, stored: StoredLogMel, *, waveforms: bool = False, masked: bool = False
) -> Parse:
    """A function that parses a batch of records.

    Args:
        clip_format: of the data set.
        stored: how its log-mel is stored.
        waveforms: parse the kept waveforms too.
        masked: some clips have classes that nobody judged.

    Returns:
        From serialised records (batch,) to `log_mel` (batch, frames, mels, 1) float32, `target` (batch, classes)
        float32, NaN where nobody judged, `clip_id` (batch,) string, `variant` (batch,) int64, and with `waveforms`
        `waveform` (batch, samples) float32.
    """
    parse = stored_examples_of(clip_format, stored, waveforms=waveforms, masked=masked)

    def examples(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = parse(serialized)
        if parsed["log_mel"] is None:
            parsed["log_mel"] = log_mel_of(parsed["waveform"], clip_format)
        values = stored.decode(tf.cast(parsed["log_mel"], tf.float32))
        return {name: parsed[name] for name in parsed if waveforms or name != "waveform"} | {"log_mel": values}

    return examples


def log_mel_of(waveforms: tf.Tensor, clip_format: ClipFormat, jitter: tf.Tensor | None = None) -> tf.Tensor:
    """Log-mel of waveforms, by the function that builds of records use.

    Args:
        waveforms: (batch, samples) float32.
        clip_format: of the data set.
        jitter: (2,) int64, a seed by which fmin and fmax are moved as for EfficientAT's training, the same for the
            batch: fmin by 0 to 9 Hz, fmax by up to a fifteenth of it, which are its 1000 Hz of 15000, and at most to
            half the sample rate. None: they stay.

    Returns:
        (batch, frames, mels, 1), float32.
    """
    config = clip_format.front_end

    def compute(rows: np.ndarray, seed: np.ndarray) -> np.ndarray:
        moved = config
        if len(seed):
            generator = np.random.default_rng(np.abs(seed))
            fmin, fmax = config.fmin + generator.integers(10), config.fmax * (1 + generator.uniform(-1, 1) / 15)
            moved = replace(config, fmin=fmin, fmax=min(fmax, config.sample_rate / 2))
        return np.stack([log_mel(row, moved) for row in rows])[..., None]

    seed = tf.zeros([0], tf.int64) if jitter is None else jitter
    values = tf.numpy_function(compute, [waveforms, seed], tf.float32, stateful=False)
    return tf.ensure_shape(values, [waveforms.shape[0], clip_format.frames, config.mels, 1])


def stored_examples_of(
    clip_format: ClipFormat,
    stored: StoredLogMel,
    *,
    waveforms: bool = False,
    masked: bool = False,
    events: bool = False,
) -> Parse:
    """As `examples_of`, `log_mel` in the type in which it is stored, None where it is not; then with `waveform`.

    With `events` also what `parse_events` gives of them.
    """
    features: dict[str, Any] = _KEY | {"labels": tf.io.VarLenFeature(tf.int64)}
    waveforms = waveforms or stored.dtype is None
    if stored.dtype is not None:
        features["log_mel"] = tf.io.FixedLenFeature([], tf.string)
    if waveforms:
        features["waveform"] = tf.io.FixedLenFeature([], tf.string)
        features["waveform_peak"] = tf.io.FixedLenFeature([], tf.float32)
    classes, log_mel_shape = len(clip_format.labels), (clip_format.frames, clip_format.front_end.mels, 1)
    if masked:
        features["weights"] = tf.io.FixedLenFeature([classes], tf.float32, [1.0] * classes)
    if events:
        features |= _EVENTS

    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(serialized, features)
        batch = serialized.shape[0] or -1  # static where it is known, as compilers like it
        values = None
        if stored.dtype is not None:
            values = tf.io.decode_raw(parsed["log_mel"], np.dtype(stored.dtype))
            values = tf.reshape(values, [batch, *log_mel_shape])
        target = tf.cast(tf.sparse.to_indicator(parsed["labels"], classes), tf.float32)
        if masked:
            target = tf.where(parsed["weights"] > 0, target, math.nan)
        examples = {
            "log_mel": values,
            "target": tf.reshape(target, [batch, classes]),
            "clip_id": parsed["clip_id"],
            "variant": parsed["variant"],
        }
        if events:
            examples |= {name: parsed[name] for name in _EVENTS}
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
        and `event_offset` float32 in seconds, `event_class` int64, `event_velocity` int64, empty where events are no
        notes.
    """
    return tf.io.parse_example(serialized, _KEY | {"labels": tf.io.RaggedFeature(tf.int64)} | _EVENTS)


def parse_teachers(
    serialized: tf.Tensor,
    *,
    classes: int,
    top: int | None = None,
    unknown: np.ndarray | None = None,
    steps: int | None = None,
) -> dict[str, tf.Tensor]:
    """Parse a batch of teacher records; an empty string parses to an empty key.

    Args:
        serialized: (batch,), string.
        classes: number of classes.
        top: how many of the largest logits are stored; all others are what the record has for the rest. Default: all
            are stored.
        unknown: with `top`, (classes,) bool: which classes the teacher does not know.
        steps: how many steps have logits too, which are then parsed. Default: none.

    Returns:
        `clip_id` (batch,) string, `variant` (batch,) int64, `logits` (batch, classes) float32, NaN for a class that the
        teacher does not know, `known` (batch,) bool: False where the teacher has no outputs (the logits are 0 there);
        with `steps` also `step_logits` (batch, steps, classes) float32.
    """
    features = {
        "clip_id": tf.io.FixedLenFeature([], tf.string, default_value=""),
        "variant": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
    }
    if steps is not None:
        features["step_logits"] = tf.io.FixedLenFeature([], tf.string, default_value="")
    if top is None:
        features["logits"] = tf.io.FixedLenFeature([], tf.string, default_value="")
        parsed = tf.io.parse_example(serialized, features)
        logits, known = _floats(parsed["logits"], tf.float32, classes)
    else:
        features["top_classes"] = tf.io.FixedLenFeature([top], tf.int64, default_value=[0] * top)
        features["top_logits"] = tf.io.FixedLenFeature([], tf.string, default_value="")
        features["rest"] = tf.io.FixedLenFeature([], tf.float32, default_value=0.0)
        parsed = tf.io.parse_example(serialized, features)
        largest, known = _floats(parsed["top_logits"], tf.float16, top)
        rest = tf.where(unknown & known[:, None], math.nan, parsed["rest"][:, None])
        rows = tf.repeat(tf.range(tf.size(serialized, tf.int64))[:, None], top, axis=1)
        logits = tf.tensor_scatter_nd_update(rest, tf.stack([rows, parsed["top_classes"]], axis=-1), largest)
    answers = {"clip_id": parsed["clip_id"], "variant": parsed["variant"], "logits": logits, "known": known}
    if steps is None:
        return answers
    values, _ = _floats(parsed["step_logits"], tf.float16, steps * classes)
    return answers | {"step_logits": tf.reshape(values, [-1, steps, classes])}


def _floats(content: tf.Tensor, dtype: tf.DType, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers (batch, count) float32 of bytes, and where there are any, (batch,) bool; 0 where there are none."""
    filled = tf.strings.length(content) > 0
    content = tf.where(filled, content, tf.constant(bytes(dtype.size * count)))
    return tf.cast(tf.reshape(tf.io.decode_raw(content, dtype), [-1, count]), tf.float32), filled


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
