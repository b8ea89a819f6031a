"""What the training clips say of the classes: some that no clip has, and whether any tells two clips apart."""

from __future__ import annotations

from collections import Counter

from audiotag import records
from audiotag.clips.checks import named
from audiotag.clips.declaration import ALL, UNKNOWN
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.records.clips import clips_of
from audiotag.training.recipe import Recipe


def check_classes(recipe: Recipe, data: records.Data) -> str:
    """Refuse clips from which nothing can be learnt: labels that are the same for all, and no teacher to tell more.

    Args:
        recipe: resolved for the data set.
        data: the open data set.

    Returns:
        A line about the classes without a training clip; "" where there are none.

    Raises:
        AudiotagError: every training clip has the same labels, or some have none and there is no teacher.
    """
    if data.task.of_tokens:
        return ""  # every token is one of training clips
    clips, taught = clips_of(data, recipe.train), recipe.teacher is not None or recipe.live_teacher is not None
    timed = recipe.strong_weight > 0  # there is when a class sounds to be learnt, whatever classes a clip has
    if data.masked and not taught and (unlabelled := int((clips[UNKNOWN] == ALL).sum())):
        raise AudiotagError(
            f"unlabelled clips are learnt from a teacher, {recipe.train} of {data.name} has {unlabelled} of them and "
            "none is named: name one with --teacher, or train on other splits"
        )
    labels = [frozenset(split_cell(cell)) for cell in clips["labels"]]
    always_right = data.task.exclusive and len(data.labels) == 1
    if labels and (always_right or (not taught and not timed and len(set(labels)) == 1)):
        raise AudiotagError(
            f"a network learns what tells clips apart, all {len(labels)} clips of {recipe.train} of {data.name} are "
            f"labelled {named(sorted(labels[0])) or 'with nothing'}: add clips of another class (background), or "
            "clips without a label"
        )
    if data.masked and (clips[UNKNOWN] == ALL).all():
        return ""
    counts = Counter(name for own in labels for name in own)
    unused = [name for name in data.labels if not counts[name]]
    return f"Classes without a clip in the training splits ({recipe.train}): {named(unused)}" if unused else ""
