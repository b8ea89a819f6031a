"""The tf.data pipeline: from shards to batches of log-mel and targets, every epoch a function of (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf

from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError, suggest
from audiotag.records import balance, fetching, targets, teachers
from audiotag.records.parser import log_mel_of, parse_teachers, stored_examples_of
from audiotag.records.step_grid import StepGrid
from audiotag.records.step_targets import drawing
from audiotag.records.stored import StoredLogMel
from audiotag.startup import keep_freed_memory

if TYPE_CHECKING:
    from audiotag.models.frames import FrameSteps

_SHUFFLE_BYTES = 256 << 20  # of records waiting in the shuffle buffer
_OPEN_SHARDS = 16  # read side by side where the order is shuffled
_FILE_BUFFER = 0  # records of a hundred kilobytes: a buffer would be one more copy
_UNBATCHED = 64  # examples parsed together where the user wants single ones
_COMPILED_FROM = 1 << 19  # values of a batch: less is mixed before it is compiled
_DRAWN_TOGETHER = 8  # records of a shard that are repeated or left out in one step
# What a random number is for: no two uses share a seed.
_SHARD_ORDER, _BUFFER_ORDER, _MIXUP, _JITTER = 1, 2, 3, 4
_DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Reading:
    """How records are read: the options of `Data.read`.

    Args:
        batch_size: examples a batch. Default: no batches, single examples.
        shuffle: in an order that depends on `seed` and the epoch; else in the order of the files. Default False.
        balance: draw records of rare classes more often (`balance.weights`), with replacement; an epoch has as many
            draws as records. Default False.
        mixup: alpha of the Beta distribution that mixes two examples of a batch, 0 (default) for none. Log-mel and
            targets are mixed with weight max(w, 1 - w), drawn for every example.
        teacher: name of a teacher whose outputs enter the targets:
            `label_weight * labels + (1 - label_weight) * p`, p = sigmoid (multilabel) or softmax (multiclass) of
            logits / temperature. Clips for which it has none keep their labels; classes that nobody judged are the
            teacher's alone. Of several teachers, "passt_1,passt_2=2", the logits are averaged by their weights (1
            unless stated), for each clip and class those of the teachers that know it. Default: none.
        label_weight: weight of the labels beside a teacher, 0 to 1. Default 0.1.
        temperature: divides the teacher's logits, positive. Default 1.
        separate: give labels and teacher apart, as {"label": …, "distillation": …}, and of steps "steps_distillation".
            Default False.
        steps: where the steps of a network lie (`models.frames.frame_steps`): give their target too, drawn from the
            events of the records, as {"label": …, "steps": …}. What is asked of a step is a matter of the task: of a
            multilabel one (batch, steps, classes) float32, see `active_steps.draw`, of notes (batch, steps, 88, 4), see
            `step_notes.draw`, of speech (batch, steps, 1), see `step_characters.draw`. Teachers that have outputs of
            steps enter it as they do the labels, see `targets.on_grid`. Default: none.
        keys: give clip ids and variants too. Default False.
        jitter: compute the log-mel anew from the kept waveforms, with fmin and fmax moved a little from batch to
            batch, as EfficientAT is trained (`parser.log_mel_of`). Default False.
        dtype: of the log-mel, "float32", "float16" or "bfloat16": half the bytes for an accelerator. Default "float32".
        seed: of everything random, not negative. Default 0.
        first_epoch: None (default) for a finite data set that is drawn anew each time it is gone through; k for the
            endless stream of epochs k, k + 1, …, each a pure function of seed and epoch and `steps` batches long: the
            stream from k is the stream from 0 without its first k epochs, which is what an exact resume needs.
        first_step: batches of epoch `first_epoch` that are left out. Default 0.
        epoch_steps: batches an epoch of such a stream: of one pass through the records, or of as many as it takes.
            Default: those of one pass.
        drop_remainder: leave out an incomplete last batch. Default False.

    Raises:
        AudiotagError: a value out of range.
    """

    batch_size: int | None = None
    shuffle: bool = False
    balance: bool = False
    mixup: float = 0.0
    teacher: str | None = None
    label_weight: float = 0.1
    temperature: float = 1.0
    separate: bool = False
    steps: FrameSteps | None = None
    keys: bool = False
    jitter: bool = False
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    seed: int = 0
    first_epoch: int | None = None
    first_step: int = 0
    epoch_steps: int | None = None
    drop_remainder: bool = False

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("seed", 0), ("first_epoch", 0), ("first_step", 0), ("epoch_steps", 1)):
            value = getattr(self, name)
            absent = value is None and name not in ("seed", "first_step")
            if not absent and (not isinstance(value, (int, np.integer)) or value < least):
                raise AudiotagError(f"{name} must be a whole number, at least {least}, received {value!r}")
        if not (math.isfinite(self.mixup) and self.mixup >= 0):
            raise AudiotagError(f"mixup must be 0 (none) or a positive alpha, received {self.mixup!r}")
        if self.mixup and self.batch_size is None:
            raise AudiotagError("mixup mixes the examples of a batch: give a batch_size")
        if not 0 <= self.label_weight <= 1:
            raise AudiotagError(f"label_weight must be from 0 to 1, received {self.label_weight!r}")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise AudiotagError(f"temperature must be positive, received {self.temperature!r}")
        if self.teacher is not None:
            teachers.parse(self.teacher)
        if self.dtype not in _DTYPES:
            raise AudiotagError(f"no dtype of log-mel is named {self.dtype!r}: {suggest(self.dtype, _DTYPES)}")
        if self.first_epoch is None and (self.first_step or self.epoch_steps is not None):
            raise AudiotagError("first_step and epoch_steps are of an endless stream: say its first_epoch")
        if self.separate and self.teacher is None:
            raise AudiotagError("separate gives labels and a teacher's outputs apart: name a teacher")


@dataclass(frozen=True)
class Records:
    """What is read.

    Args:
        clip_format: of the data set.
        stored: how its log-mel is stored.
        waveforms: whether waveforms are kept.
        masked: whether some clips have classes that nobody judged.
        shards: files, in the order of reading.
        sizes: number of records of each.
        taught: outputs of teachers beside them; [] without one.
        weights: (records,) float64, how often a record is drawn beside others, or whether it is, where nothing is
            balanced. None: each once.
        examples: records of an epoch.
        record_bytes: size of a record in memory, about.
        fetch: where the files are remote, what fetches one.
    """

    clip_format: ClipFormat
    stored: StoredLogMel
    waveforms: bool
    masked: bool
    shards: Sequence[Path]
    sizes: Sequence[int]
    taught: Sequence[teachers.Outputs]
    weights: np.ndarray | None
    examples: int
    record_bytes: int
    fetch: fetching.Fetch | None = None


def read(records: Records, options: Reading) -> tf.data.Dataset:
    """Records as tensors; see `Data.read`."""
    keep_freed_memory()
    with tf.device("CPU:0"):
        return _read(records, options)


def _read(records: Records, options: Reading) -> tf.data.Dataset:
    examples = records.examples
    batch_size = options.batch_size or _UNBATCHED
    drop_remainder = options.drop_remainder and options.batch_size is not None
    steps = examples // batch_size if drop_remainder else -(-examples // batch_size)
    serialized = _epochs_of_records(records, options)

    @tf.autograph.experimental.do_not_convert
    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        batches = serialized(number).batch(batch_size, drop_remainder=drop_remainder)
        return batches.apply(tf.data.experimental.assert_cardinality(steps))

    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        if options.epoch_steps is None:
            batches = one_pass(epoch)
        else:
            passes = -(-options.epoch_steps // steps)
            numbers = tf.data.Dataset.range(epoch * passes, (epoch + 1) * passes)
            batches = numbers.flat_map(one_pass).take(options.epoch_steps)
        batches = batches.enumerate()
        if options.first_step:
            batches = batches.skip(tf.where(epoch == options.first_epoch, tf.constant(options.first_step, tf.int64), 0))
        return batches.map(lambda step, batch: (epoch, step, batch))

    if options.first_epoch is None:
        epochs = tf.data.Dataset.random(seed=options.seed, rerandomize_each_iteration=True).take(1)
    else:
        epochs = tf.data.Dataset.range(options.first_epoch, np.iinfo(np.int64).max)
    dataset = epochs.flat_map(one_epoch).map(_decoder(records, options), num_parallel_calls=tf.data.AUTOTUNE)
    size = steps
    if options.batch_size is None:
        dataset, size = dataset.unbatch(), examples
    if options.first_epoch is not None:
        size = tf.data.INFINITE_CARDINALITY
    return dataset.apply(tf.data.experimental.assert_cardinality(size)).prefetch(tf.data.AUTOTUNE)


def _seed(options: Reading, epoch: tf.Tensor, purpose: int) -> tf.Tensor:
    """A stateless seed (2,) int64 for one use in one epoch."""
    pair = tf.stack([tf.constant(options.seed, tf.int64), epoch])
    return tf.random.fold_in(pair, purpose)


def _epochs_of_records(records: Records, options: Reading) -> Any:
    """A function from an epoch to its serialised records, (record, a record of every teacher)."""
    beside = [outputs.files for outputs in records.taught]
    paths = [tf.constant([str(path) for path in files]) for files in (records.shards, *beside)]
    ends = tf.constant(np.cumsum(records.sizes), tf.int64)
    sizes = tf.constant(records.sizes, tf.int64)
    shards = len(records.sizes)
    times_drawn = _times_drawn(records.weights, options)
    steps = sum(outputs.steps.count for outputs in records.taught if outputs.steps is not None)
    record_bytes = records.record_bytes + 2 * steps * len(records.clip_format.labels)  # float16 of each step and class
    buffer_size = min(max(_SHUFFLE_BYTES // record_bytes, 256), records.examples)

    def epoch_of_records(epoch: tf.Tensor) -> tf.data.Dataset:
        # The order is a function of (seed, epoch) alone: the process's global seed must not enter it.
        tf.compat.v1.get_default_graph().seed = None
        drawn = times_drawn(epoch)

        def with_files(order: tf.Tensor) -> tf.data.Dataset:
            numbered = tf.data.Dataset.from_tensor_slices(order)
            named = numbered.map(lambda shard: (shard, tuple(some[shard] for some in paths)))
            return fetching.ahead(named, records.fetch)

        def shard_of_records(shard: tf.Tensor, names: tuple[tf.Tensor, ...]) -> tf.data.Dataset:
            files = [tf.data.TFRecordDataset(name, buffer_size=_FILE_BUFFER) for name in names]
            # A teacher's shard that ends early must not end the records silently: an empty record has a wrong key.
            files[1:] = [file.concatenate(tf.data.Dataset.from_tensors("").repeat()) for file in files[1:]]
            serialized = tf.data.Dataset.zip(tuple(files))
            if drawn is None:
                return serialized
            times = tf.data.Dataset.from_tensor_slices(drawn[ends[shard] - sizes[shard] : ends[shard]])
            together = tf.data.Dataset.zip(serialized, times).batch(_DRAWN_TOGETHER)
            return together.map(_repeat_records).unbatch()

        order = tf.range(shards, dtype=tf.int64)
        if not options.shuffle:
            return with_files(order).flat_map(shard_of_records)
        scores = tf.random.stateless_uniform([shards], _seed(options, epoch, _SHARD_ORDER), dtype=tf.float64)
        serialized = with_files(tf.gather(order, tf.argsort(scores))).interleave(
            shard_of_records,
            cycle_length=min(_OPEN_SHARDS, shards),
            block_length=1,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        buffer_seed = tf.random.stateless_uniform(
            [], _seed(options, epoch, _BUFFER_ORDER), minval=1, maxval=1 << 62, dtype=tf.int64
        )
        return serialized.shuffle(buffer_size, seed=buffer_seed, reshuffle_each_iteration=False)

    return epoch_of_records


def _times_drawn(weights: np.ndarray | None, options: Reading) -> Any:
    """A function from an epoch to how often each record is drawn, (records,) int64; None: each once."""
    if weights is None:
        return lambda epoch: None
    if not options.balance:
        constant = tf.constant(weights, tf.int64)
        return lambda epoch: constant

    def balanced(epoch: tf.Tensor) -> tf.Tensor:
        drawn = tf.numpy_function(
            lambda number: balance.draws(weights, options.seed, int(number)), [epoch], tf.int64, stateful=False
        )
        return tf.ensure_shape(drawn, [len(weights)])

    return balanced


def _repeat_records(records: tuple[tf.Tensor, ...], times: tf.Tensor) -> tuple[tf.Tensor, ...]:
    rows = tf.repeat(tf.range(tf.size(times)), times)
    return tuple(tf.gather(part, rows) for part in records)


def _decoder(records: Records, options: Reading) -> Any:
    """A function from (epoch, step, serialised batch) to what the user receives."""
    clip_format, stored = records.clip_format, records.stored
    asks_steps = options.steps is not None
    parse = stored_examples_of(clip_format, stored, waveforms=options.jitter, masked=records.masked, events=asks_steps)
    mix_target = targets.mix_targets if records.masked or asks_steps else targets.mix
    draw = drawing(clip_format.task) if asks_steps else None
    grid = StepGrid.of(options.steps, clip_format) if asks_steps else None
    timed = [i for i, outputs in enumerate(records.taught) if asks_steps and outputs.steps is not None]
    for outputs in (records.taught[i] for i in timed):
        if outputs.steps.count == 1 < grid.count:
            raise AudiotagError(
                f"teacher {outputs.name} has one step a clip, which does not say when a class sounds in {grid.count}: "
                "teach with a network of shorter steps, or leave the teacher out"
            )
    names, weights = [outputs.name for outputs in records.taught], [outputs.weight for outputs in records.taught]

    def finish(log_mel: tf.Tensor, *mixture: tf.Tensor) -> tf.Tensor:
        if not mixture and log_mel.dtype == options.dtype:
            return log_mel
        values = log_mel if log_mel.dtype == tf.float32 else stored.decode(tf.cast(log_mel, tf.float32))
        return tf.cast(targets.mix(values, mixture) if mixture else values, options.dtype)

    # Compiled, what is stored is read once and what is given is written once: mixing costs next to nothing.
    values = (options.batch_size or 1) * clip_format.frames * clip_format.front_end.mels
    mix = tf.function(finish, jit_compile=True, autograph=False) if values >= _COMPILED_FROM else finish

    def soft(target: tf.Tensor, answers: Sequence[dict[str, tf.Tensor]], weights: Sequence[float]) -> tf.Tensor:
        mean = targets.mean_of_teachers(answers, weights, task=clip_format.task)
        return targets.soften(target, mean, task=clip_format.task, temperature=options.temperature)

    @tf.autograph.experimental.do_not_convert
    def decode(epoch: tf.Tensor, step: tf.Tensor, serialized: tuple[tf.Tensor, ...]) -> tuple[Any, ...]:
        parsed = parse(serialized[0])
        parts = {"label": parsed["target"]}
        if draw is not None:
            parts["steps"] = draw(parsed, grid)
        if options.teacher is not None:
            answers = [
                parse_teachers(
                    beside,
                    classes=len(clip_format.labels),
                    top=outputs.top,
                    unknown=outputs.unknown,
                    steps=outputs.steps.count if asks_steps and outputs.steps else None,
                )
                for beside, outputs in zip(serialized[1:], records.taught, strict=True)
            ]
            checks = [targets.same_keys(parsed, *pair) for pair in zip(answers, names, strict=True)]
            with tf.control_dependencies(checks):
                parts["distillation"] = soft(parts["label"], answers, weights)
                if timed:
                    moved = [targets.on_grid(answers[i], records.taught[i].steps, grid) for i in timed]
                    parts["steps_distillation"] = soft(parts["steps"], moved, [weights[i] for i in timed])
        log_mel, mixture = parsed["log_mel"], ()
        if options.jitter or log_mel is None:
            jitter = tf.random.fold_in(_seed(options, epoch, _JITTER), step) if options.jitter else None
            log_mel = log_mel_of(parsed["waveform"], clip_format, jitter)
        if options.mixup:
            seed = tf.random.fold_in(_seed(options, epoch, _MIXUP), step)
            mixture = targets.mixture(tf.shape(parsed["target"])[0], options.mixup, seed)
            parts = {name: mix_target(part, mixture) for name, part in parts.items()}
        log_mel = mix(log_mel, *mixture) if mixture else finish(log_mel)
        for name, taught in () if options.separate else (("label", "distillation"), ("steps", "steps_distillation")):
            if taught in parts:
                parts[name] = targets.blend(parts[name], parts.pop(taught), options.label_weight)
        target = parts if options.separate or asks_steps else parts["label"]
        if options.keys:
            return log_mel, target, parsed["clip_id"], parsed["variant"]
        return log_mel, target

    return decode
