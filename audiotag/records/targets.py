"""Targets of a batch as transforms of tensors: a teacher's outputs, the check of their keys, and mixup."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from audiotag.records.step_grid import StepGrid
from audiotag.task import Task


def same_keys(parsed: dict[str, tf.Tensor], taught: dict[str, tf.Tensor], teacher: str) -> tf.Operation:
    """An operation that fails, naming both keys, unless every teacher record belongs to its record.

    Args:
        parsed: a batch of records, parsed.
        taught: the batch beside it from `parse_teachers`.
        teacher: its name, for the message.
    """
    different = (parsed["clip_id"] != taught["clip_id"]) | (parsed["variant"] != taught["variant"])
    first = tf.argmax(tf.cast(different, tf.int32))
    keys = [
        tf.strings.join([batch["clip_id"][first], " variant ", tf.strings.as_string(batch["variant"][first])])
        for batch in (parsed, taught)
    ]
    message = (
        f"the outputs of teacher {teacher} do not belong to the records: the record is ",
        *(keys[0], ", the teacher gives ", keys[1]),
        " (variant -1: the shard ends early); delete them and teach again",
    )
    return tf.debugging.Assert(~tf.reduce_any(different), [tf.strings.join(message)])


def mean_of_teachers(
    answers: Sequence[dict[str, tf.Tensor]], weights: Sequence[float], *, task: Task
) -> dict[str, tf.Tensor]:
    """The weighted mean of the logits of those teachers that know a class of a clip.

    Where classes compete, a teacher counts for a clip only if it knows them all; a constant that it adds to its logits
    changes no share, so that these can be averaged as they are.

    Args:
        answers: of each teacher, a batch from `parse_teachers`, or of `on_grid`.
        weights: of each teacher, positive.
        task: what is asked of a clip.

    Returns:
        One such batch, as it is where there is one teacher.
    """
    if len(answers) == 1:
        return answers[0]
    total, total_weight = 0.0, 0.0
    for answer, weight in zip(answers, weights, strict=True):
        knows = _beside(answer["known"], answer["logits"]) & ~tf.math.is_nan(answer["logits"])
        if task.exclusive:
            knows = tf.broadcast_to(tf.reduce_all(knows, axis=-1, keepdims=True), tf.shape(knows))
        total += tf.where(knows, weight * answer["logits"], 0.0)
        total_weight += tf.where(knows, weight, 0.0)
    known = total_weight > 0
    logits = tf.where(known, total / tf.where(known, total_weight, 1.0), math.nan)
    return answers[0] | {"logits": logits, "known": tf.reduce_any(known, axis=range(1, len(known.shape)))}


def _beside(known: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """What is known of examples, (batch,), beside logits of them, (batch, …, classes)."""
    return tf.reshape(known, [-1] + [1] * (len(logits.shape) - 1))


def on_grid(answer: dict[str, tf.Tensor], theirs: StepGrid, own: StepGrid) -> dict[str, tf.Tensor]:
    """What a teacher says of its steps, at the centres of others: logits interpolated linearly between the two nearest.

    Before its first and after its last step a teacher says what it says there (EfficientSED interpolates so too).

    Args:
        answer: a batch from `parse_teachers`, with `step_logits`.
        theirs: where the teacher's steps lie.
        own: where they are wanted.

    Returns:
        `logits` (batch, steps, classes) float32 and `known` (batch,) bool.
    """
    logits = answer["step_logits"]
    if own != theirs:
        before, after, share = own.sources(theirs)
        first, second = (tf.gather(logits, places, axis=1) for places in (before, after))
        logits = first + share[:, None] * (second - first)
    return {"logits": logits, "known": answer["known"]}


def soften(target: tf.Tensor, taught: dict[str, tf.Tensor], *, task: Task, temperature: float) -> tf.Tensor:
    """The teacher's probabilities, and the labels themselves where it has none: of a clip, or of a class (NaN).

    Args:
        target: (batch, classes) float32, NaN where nobody judged; or of steps, (batch, steps, classes).
        taught: a batch from `parse_teachers`, or of `on_grid`.
        task: whose activation makes probabilities of logits.
        temperature: divides the logits.

    Returns:
        float32, of the target's shape.
    """
    unknown = tf.math.is_nan(taught["logits"])
    if task.exclusive:  # shares of a whole: with a part missing, the others say nothing
        unknown = tf.reduce_any(unknown, axis=-1, keepdims=True)
    logits = tf.where(unknown, 0.0, taught["logits"]) / temperature
    known = _beside(taught["known"], logits) & ~unknown
    return tf.where(known, getattr(tf.nn, task.activation)(logits), target)


Mixture = tuple[tf.Tensor, tf.Tensor]
"""Of every example of a batch: the other one that is mixed in (its index), and the share of that, (batch,) both."""


def mixture(batch: tf.Tensor, alpha: float, seed: tf.Tensor) -> Mixture:
    """How every example is mixed with another of its batch (Zhang et al., arXiv 1710.09412), drawn for each.

    The share of the other is min(w, 1 - w) with w from Beta(alpha, alpha), as in EfficientAT: an example stays the
    larger part.

    Args:
        batch: number of examples.
        alpha: positive.
        seed: (2,) int64; equal seeds mix equally.
    """
    seeds = tf.random.split(seed, 3)
    # Beta from two Gammas, in float64 for small alpha underflows in float32; 0 / 0 counts as 0, thus weight 1.
    first, second = (tf.random.stateless_gamma([batch], seeds[i], alpha, dtype=tf.float64) for i in range(2))
    share = tf.math.divide_no_nan(first, first + second)
    partner = tf.argsort(tf.random.stateless_uniform([batch], seeds[2], dtype=tf.float64))
    return partner, tf.cast(tf.minimum(share, 1.0 - share), tf.float32)


def mix(values: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    """Values of examples, (batch, …) float32, mixed."""
    partner, share = mixture
    share = tf.reshape(share, [-1] + [1] * (len(values.shape) - 1))
    return values + share * (tf.gather(values, partner) - values)


def mix_targets(target: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    """Targets mixed, (batch, …) float32; what nobody judged (NaN) stays so, or leaves the larger part alone."""
    mixed = mix(target, mixture)
    return tf.where(tf.math.is_nan(mixed), target, mixed)


def blend(label: tf.Tensor, distillation: tf.Tensor, label_weight: float) -> tf.Tensor:
    """Labels and a teacher's probabilities as one target, the teacher's alone where nobody judged (NaN)."""
    known = tf.where(tf.math.is_nan(label), distillation, label)
    return label_weight * known + (1.0 - label_weight) * distillation
