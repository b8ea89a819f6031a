"""What a step of training does: views of a batch, the network's and the teachers' answers, terms of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from audiotag.training.averaging import Average
from audiotag.training.devices import copies
from audiotag.training.features import FeatureLoss
from audiotag.training.fused import twin_of
from audiotag.training.live_teachers import LiveTeachers, listed
from audiotag.training.steps import StepLesson

Batch = Mapping[str, Any]
"""`log_mel` (batch, frames, mels, 1) of any float dtype, or whatever else `Lesson.takes` names; `label` (batch,
classes) float32, of tokens (batch, steps, classes), NaN where nobody judged; and `distillation`, a teacher's stored
probabilities, where there is one; `steps` and `steps_distillation` say the same of the steps of time, (batch, steps, …)
float32, where these are taught."""


STEPS, STEPS_DISTILLATION = "steps", "steps_distillation"


@dataclass(frozen=True)
class Lesson:
    """What a network is taught beside the labels, and on which views.

    Args:
        augmentation: from a batch to a batch, while training; see `augment.batches`. None: the records as they are.
        teachers: asked about exactly the views that the network sees. None: stored answers, or none.
        stored: whether the batches hold a teacher's stored answers.
        label_weight: of the labels beside teachers.
        steps: what is taught about the steps of time. None: nothing.
        features: compared with the first teacher's. None: none are.
        feature_weight: of that.
        average: of the network's weights. None: none is kept.
        takes: name of what the network is given, in a batch.
    """

    augmentation: keras.layers.Layer | None = None
    teachers: LiveTeachers | None = None
    stored: bool = False
    label_weight: float = 0.1
    steps: StepLesson | None = None
    features: FeatureLoss | None = None
    feature_weight: float = 1.0
    average: Average | None = None
    takes: str = "log_mel"
    weights: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        of_steps = 0.0 if self.steps is None else self.steps.weight
        weights = self._shares("label", "distillation", 1 - of_steps, self.stored or self.teachers is not None)
        if self.steps is not None:
            weights |= self._shares(STEPS, STEPS_DISTILLATION, of_steps, self.steps.stored)
        weights = {name: weight for name, weight in weights.items() if weight}
        if self.features is not None:
            weights["features"] = self.feature_weight
        object.__setattr__(self, "weights", weights)

    def _shares(self, label: str, distillation: str, whole: float, taught: bool) -> dict[str, float]:
        """What the labels and the teachers have of a whole, by name."""
        if not taught:
            return {label: whole}
        return {label: whole * self.label_weight, distillation: whole * (1 - self.label_weight)}


class Trainee(keras.Model):
    """A network in training: a compiled model of batches for `fit`, which shares every variable with the network.

    Its loss is `label_weight * label + (1 - label_weight) * distillation + feature_weight * features`, of the terms
    that the lesson has; Keras reports each beside their sum. Where steps are taught, their share of the first two is
    about the steps: `label_weight * steps + (1 - label_weight) * steps_distillation`. Where nobody judged, the
    teachers' part does not count more for it.

    `finite_steps` counts the steps whose loss was finite, `drawn` (classes,) the examples of each class.

    Args:
        network: log-mel (batch, frames, mels, 1) to logits (batch, classes), or tokens (batch, steps) to logits (batch,
            steps, classes); it stays uncompiled.
        loss: from targets and logits; see `loss_for`.
        optimizer: a fresh optimizer.
        lesson: what is taught beside the labels. Default: nothing.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: keras.losses.Loss,
        optimizer: keras.optimizers.Optimizer,
        lesson: Lesson | None = None,
    ) -> None:
        super().__init__(name=f"{network.name}_trainee", autocast=False)
        lesson = Lesson() if lesson is None else lesson
        self.weights_of_terms = lesson.weights
        self.augmentation, self.teachers, self.takes = lesson.augmentation, lesson.teachers, lesson.takes
        self.features, self.average, self.steps = lesson.features, lesson.average, lesson.steps
        further = [] if self.steps is None else [self.steps.network.output]
        if self.features is not None:
            self.student = self.features.student(network, further)
        else:
            self.student = twin_of(keras.Model(network.input, [network.output, *further]) if further else network)
        self.terms = [] if len(lesson.weights) == 1 else [keras.metrics.Mean(f"{name}_loss") for name in lesson.weights]
        self.finite_steps = self.add_weight((), "zeros", "int32", trainable=False, name="finite_steps")
        nothing = np.zeros(network.output.shape[-1], np.float32)
        # Of several devices of TensorFlow each counts its own; who reads receives the sum.
        counted = {"aggregation": "sum", "synchronization": "on_read"}
        self.drawn = keras.Variable(nothing, trainable=False, name="drawn", **counted)
        self._cross_entropy = loss
        self.built = True
        self._copies = copies()
        self.compile(optimizer, jit_compile="auto" if self._copies == 1 else False)  # XLA compiles for one device
        self.optimizer.build(self.trainable_variables)

    @property
    def own_variables(self) -> list[keras.Variable]:
        """What a step changes beside the network, its average and the optimizer: counts, sums, seeds, projections."""
        own = [self.finite_steps, self.drawn]
        for layer in (self.augmentation, self.features):
            own += [] if layer is None else layer.variables
        own += [] if self.average is None else [self.average.count]
        return own + self.metrics_variables

    def call(self, batch: Batch, training: bool = False) -> dict[str, Any]:
        """Answers to a batch, and what they are to be compared with."""
        if training and self.average is not None and self.average.decay:
            self.average.update()
        views = dict(batch)
        if training:
            drawn = ops.cast(views["label"] > 0.5, "float32")
            self.drawn.assign(self.drawn + ops.sum(drawn, axis=tuple(range(len(drawn.shape) - 1))))
        if self.augmentation is not None:
            views = self.augmentation(views, training=training)
        given = views[self.takes]
        if self.teachers is not None:
            views["distillation"], theirs = self.teachers(views["log_mel"], views["label"])
            if self.features is not None and self.features.blockwise:
                given = [given, *theirs]
        logits, *others = listed(self.student(given, training=training))
        answers = {"logits": ops.cast(logits, "float32")}
        if self.steps is not None:
            answers["step_logits"] = ops.cast(others.pop(0), "float32")
        if self.features is not None:
            answers["features"] = self.features(others, theirs)
        return answers | {name: views[name] for name in self.weights_of_terms if name in views}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The weighted sum of the terms, a scalar; every term's mean is kept for the logs.

        Of several devices of TensorFlow, whose gradients are summed, each has its share of it.
        """
        terms = {name: self._term(name, y_pred) for name in self.weights_of_terms}
        total = sum(self.weights_of_terms[name] * term for name, term in terms.items())
        batch = ops.shape(y_pred["logits"])[0]
        for mean, term in zip(self.terms, terms.values(), strict=False):
            mean.update_state(term, sample_weight=batch)
        if training:
            self.finite_steps.assign(self.finite_steps + ops.cast(ops.isfinite(total), "int32"))
        return total / self._copies

    def _term(self, name: str, answers: dict[str, Any]) -> Any:
        if name == "features":
            return answers[name]
        of_steps = name in (STEPS, STEPS_DISTILLATION)
        loss, logits = (self.steps.loss, "step_logits") if of_steps else (self._cross_entropy, "logits")
        # Keras has divided by the number of copies.
        return loss(answers[name], answers[logits]) * self._copies
