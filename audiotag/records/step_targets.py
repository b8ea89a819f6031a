"""Targets of steps: which function draws the events of records onto the steps of a network, by task."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from audiotag.errors import AudiotagError
from audiotag.task import Task

if TYPE_CHECKING:
    import tensorflow as tf

    from audiotag.records.step_grid import StepGrid

Draw = Callable[[dict[str, Any], "StepGrid"], "tf.Tensor"]
"""From a batch of parsed records, its events ragged, to what is asked of every step, (batch, steps, …) float32, NaN
where nobody judged."""

# The file whose function `draw` it is, by what `Task.asked_of_steps` says.
_DRAWN_IN = {"active classes": "active_steps", "notes": "step_notes", "characters": "step_characters"}


def drawing(task: Task) -> Draw:
    """The function that draws a target of steps.

    Raises:
        AudiotagError: a task whose steps are asked nothing.
    """
    if task.asked_of_steps is None:
        raise AudiotagError(
            f"strong labels are learnt where any number of classes may sound at once, the task is {task}: build the "
            "data set as a multilabel one"
        )
    return importlib.import_module(f"audiotag.records.{_DRAWN_IN[task.asked_of_steps]}").draw
