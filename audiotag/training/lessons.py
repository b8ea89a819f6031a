"""What a recipe teaches beside the labels: views, teachers, features, averages; and the classes that are learnt."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from audiotag import records
from audiotag.augment import batches
from audiotag.training import features, live_teachers
from audiotag.training.averaging import Average
from audiotag.training.recipe import Recipe
from audiotag.training.steps import StepLesson, step_lesson
from audiotag.training.trainee import Lesson


def augmentation(recipe: Recipe, data: records.Data, steps: StepLesson | None = None) -> batches.BatchPolicy | None:
    """The augmentation of a recipe's batches, before its first draw; None where there is none.

    Args:
        recipe: resolved for the data set.
        data: the open data set.
        steps: what is taught about the steps, which move with the sound.
    """
    settings = ({"mixup": recipe.mixup} if recipe.mixup else {}) | recipe.augment
    distance = 1 if steps is None else steps.steps.distance
    return batches.BatchPolicy(settings, data.front_end, recipe.seed, distance) if settings else None


def lesson_for(
    recipe: Recipe, data: records.Data, network: keras.Model, teachers: Sequence[live_teachers.Member] = ()
) -> Lesson:
    """What a resolved recipe teaches a network beside the labels.

    Args:
        recipe: resolved for the data set.
        data: the open data set.
        network: log-mel to logits.
        teachers: the recipe's live teachers, see `live_teachers.opened`.

    Raises:
        AudiotagError: augmentation, teachers, features or strong labels that cannot be.
    """
    compared, asked, steps = None, None, step_lesson(recipe, data, network)
    if recipe.features is not None:
        teacher = teachers[0][0].network
        pairs = features.parse(recipe.features, network, teacher)
        compared = features.FeatureLoss(pairs, network, teacher, blockwise=recipe.blockwise)
    if teachers:
        asked = live_teachers.together(teachers, data.clip_format, data.name, recipe.temperature, compared)
    averaged = recipe.ema > 0 or recipe.swa_start is not None
    return Lesson(
        augmentation=augmentation(recipe, data, steps),
        teachers=asked,
        stored=recipe.teacher is not None,
        label_weight=recipe.label_weight,
        steps=steps,
        features=compared,
        feature_weight=recipe.feature_weight,
        average=Average(network, recipe.ema) if averaged else None,
        takes=data.takes,
    )
