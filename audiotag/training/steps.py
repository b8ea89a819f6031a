"""Training on strong labels: the steps of a network, their target, and the share of the loss that is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from audiotag import records
from audiotag.clips.texts import STEP_SECONDS
from audiotag.errors import AudiotagError
from audiotag.models.characters import character_level
from audiotag.models.frames import FrameSteps, frame_level, frame_steps
from audiotag.models.notes import note_level
from audiotag.records import teachers
from audiotag.records.step_targets import drawing
from audiotag.records.strong_labels import has_strong_labels
from audiotag.task import Task
from audiotag.training.character_loss import CharacterLoss
from audiotag.training.note_loss import NoteLoss
from audiotag.training.recipe import Recipe


@keras.saving.register_keras_serializable(package="audiotag")
class StepCrossentropy(keras.losses.Loss):
    """Binary cross-entropy from logits of steps, the mean over all of a clip; a target that is NaN counts as 0.

    Args:
        kwargs: `name`, `reduction` and `dtype`, as every loss has them.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "step_cross_entropy"} | kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch, steps, classes) targets, 0 to 1, and logits to losses, (batch,)."""
        unknown = ops.isnan(y_true)
        target = ops.where(unknown, ops.zeros_like(y_true), y_true)
        losses = ops.binary_crossentropy(target, y_pred, from_logits=True)
        return ops.mean(ops.where(unknown, ops.zeros_like(losses), losses), axis=(1, 2))


# By what `Task.asked_of_steps` says: the network up to what it gives of every step, and its loss.
_STEPS_OF: dict[str, Callable[[keras.Model], keras.Model]] = {
    "active classes": frame_level,
    "notes": note_level,
    "characters": character_level,
}
_LOSSES: dict[str, type[keras.losses.Loss]] = {
    "active classes": StepCrossentropy,
    "notes": NoteLoss,
    "characters": CharacterLoss,
}


@dataclass(frozen=True)
class StepLesson:
    """What a network is taught about its steps.

    Args:
        network: up to its steps, (batch, frames, mels, 1) to logits (batch, steps, …), sharing the weights.
        steps: where they lie.
        loss: from targets and logits, NaN where nobody judged.
        weight: its share of the loss, above 0, at most 1; the rest is the clip's.
        stored: whether the batches hold a teacher's stored answers about the steps.
    """

    network: keras.Model
    steps: FrameSteps
    loss: keras.losses.Loss
    weight: float
    stored: bool = False


def step_lesson(recipe: Recipe, data: records.Data, network: keras.Model) -> StepLesson | None:
    """What a resolved recipe teaches a network about its steps; None where that is nothing.

    Raises:
        AudiotagError: a task whose steps are asked nothing, a data set without strong labels nor a teacher of steps, or
            a network that keeps no time.
    """
    if not recipe.strong_weight:
        return None
    wanted = f"strong_weight={recipe.strong_weight}"
    try:
        drawing(data.task)
    except AudiotagError as error:
        raise AudiotagError(f"{wanted}: {error}") from error
    stored = recipe.teacher is not None and bool(teachers.with_steps(data, recipe.teacher))
    if not stored and not has_strong_labels(data, recipe.train):
        raise AudiotagError(
            f"{wanted} needs strong labels, {recipe.train} of {data.name} has none: build it from annotations with "
            "onsets and offsets, name a teacher of steps (audiotag teach --frames), or leave strong_weight out"
        )
    asked = Task(data.task).asked_of_steps
    try:
        kept = _STEPS_OF[asked](network)
        steps = frame_steps(kept)
    except AudiotagError as error:
        raise AudiotagError(f"{wanted}: {error}") from error
    if data.task.of_speech:
        _check_speech(recipe, data, steps)
    return StepLesson(kept, steps, _LOSSES[asked](), recipe.strong_weight, stored)


def _check_speech(recipe: Recipe, data: records.Data, steps: FrameSteps) -> None:
    """Refuse what texts cannot be learnt with: steps too long for them, two texts at once, words moved over the end."""
    distance = steps.seconds(data.front_end)[0]
    if distance > STEP_SECONDS + 1e-6:
        raise AudiotagError(
            f"texts are learnt from steps of {STEP_SECONDS:g} s at most, this network has {distance:g} s with the "
            f"front end {data.front_end.name!r}: build {data.name} with --front-end speech"
        )
    if recipe.mixup or "mixup" in recipe.augment or "roll" in recipe.augment:
        raise AudiotagError(
            "two texts at once are no text, and a rolled one begins in its middle, received "
            f"mixup={recipe.mixup}, augment={recipe.augment}: train speech without mixup and roll"
        )
