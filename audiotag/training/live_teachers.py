"""Teachers that are asked while the network trains, about exactly the views that it sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from audiotag import records, scorers
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.records import teachers
from audiotag.scorers import vocabulary
from audiotag.scorers.reading import Reading
from audiotag.task import Task
from audiotag.training.features import FeatureLoss


class LiveTeachers(keras.layers.Layer):
    """Networks whose weighted mean of logits, softened, is the target of distillation.

    What a teacher says of a mixture is not the mixture of what it says, and of a masked view not what it says of the
    whole: a student learns the teacher's function where both see the same (arXiv 2106.05237).

    Args:
        networks: log-mel (batch, frames, mels, 1) to logits.
        matchings: from the classes of each to those that are trained.
        weights: of each in the mean.
        task: whose activation makes probabilities of logits.
        temperature: divides the logits.
        features: what of the first network is compared too. None: nothing.
    """

    def __init__(
        self,
        networks: Sequence[keras.Model],
        matchings: Sequence[vocabulary.Matching],
        weights: Sequence[float],
        task: Task,
        temperature: float,
        features: FeatureLoss | None = None,
    ) -> None:
        super().__init__(name="live_teachers", autocast=False)
        self.members = []
        for number, network in enumerate(networks):
            watched = features.teachers(network) if features is not None and number == 0 else []
            self.members.append(keras.Model(network.input, [network.output, *watched]))
        self.matchings, self.shares, self.temperature = tuple(matchings), tuple(weights), temperature
        self.activation = getattr(ops, task.activation)
        self.trainable = False
        self.built = True

    def call(self, log_mel: Any, label: Any) -> tuple[Any, list[Any]]:
        """Probabilities (batch, classes) float32, the labels' own where no teacher knows a class; and features."""
        total, known, features = 0.0, 0.0, []
        for member, matching, share in zip(self.members, self.matchings, self.shares, strict=True):
            logits, *watched = listed(member(log_mel, training=False))
            features += watched
            knows = ops.convert_to_tensor(share * matching.known.astype(np.float32))
            total += knows * _matched(ops.cast(logits, "float32"), matching)
            known += knows
        logits = total / (ops.maximum(known, 1e-12) * self.temperature)
        probabilities = ops.stop_gradient(self.activation(logits))
        return ops.where(known > 0, probabilities, label), [ops.stop_gradient(values) for values in features]


def listed(outputs: Any) -> Sequence[Any]:
    """Outputs of a functional model as a sequence: of a single one Keras makes none."""
    return outputs if isinstance(outputs, list | tuple) else [outputs]


def _matched(logits: Any, matching: vocabulary.Matching) -> Any:
    """Logits of the trained classes: the largest of those that stand for it, any number where none does."""
    if matching.is_identity:
        return logits
    most = max(len(sources) for sources in matching.sources)
    places = [(*sources, *[sources[0] if sources else 0] * (most - len(sources))) for sources in matching.sources]
    return ops.max(ops.take(logits, np.array(places, np.int32), axis=1), axis=-1)


Member = tuple[scorers.Scorer, float]
"""A teacher and its weight."""


def opened(text: str, data: records.Data) -> list[Member]:
    """Teachers and their weights from "runs/teacher" or "mn10_as,runs/passt=2": runs, `.keras` files, published names.

    Raises:
        AudiotagError: one that is no Keras network of the data set's log-mel, or that takes another length.
    """
    members = []
    for source, weight in teachers.parse(text).items():
        scorer = scorers.open(source, data)
        if not isinstance(scorer, scorers.Scorer) or scorer.network is None or scorer.front_end is None:
            raise AudiotagError(
                f"a live teacher is a Keras network of log-mel, {source} is none: "
                "store its outputs by `audiotag teach` and name them as teacher"
            )
        Reading(scorer, data)
        difference = scorer.front_end.difference(data.front_end)
        if difference:
            raise AudiotagError(
                f"the live teacher {source} hears through another front end than {data.name} ({difference}): "
                "store its outputs by `audiotag teach`"
            )
        if scorer.network.input_shape[1] not in (None, data.frames):
            raise AudiotagError(
                f"the live teacher {source} takes {scorer.network.input_shape[1]} frames, the examples of {data.name} "
                f"have {data.frames}: build the data set with the teacher's seconds"
            )
        members.append((scorer, weight))
    return members


def together(
    members: Sequence[Member],
    clip_format: ClipFormat,
    owner: str,
    temperature: float,
    features: FeatureLoss | None = None,
) -> LiveTeachers:
    """Open teachers as one layer.

    Args:
        members: see `opened`.
        clip_format: with the classes that are trained, and what is asked of a clip.
        owner: name of the data set, for messages.
        temperature: divides the logits.
        features: what of the first is compared too.

    Raises:
        AudiotagError: no class that is trained is known, or not all of classes that compete.
    """
    labels, matchings = clip_format.labels, []
    for scorer, _ in members:
        matching = vocabulary.match(scorer.name, scorer.labels, labels, owner)
        if clip_format.task.exclusive and not matching.known.all():
            raise AudiotagError(
                f"the classes of {owner} compete: a live teacher knows all of them, {scorer.name} lacks "
                f"{vocabulary.first_few(matching.unknown(labels))}: fine-tune it on the data set first"
            )
        matchings.append(matching)
    networks, weights = [scorer.network for scorer, _ in members], [weight for _, weight in members]
    return LiveTeachers(networks, matchings, weights, clip_format.task, temperature, features)
