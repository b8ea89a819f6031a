"""What teachers say of every step of time: networks that keep it, on one grid, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.records.step_grid import StepGrid

if TYPE_CHECKING:
    import keras

    from audiotag.records import Data
    from audiotag.scorers.reading import Reading
    from audiotag.scorers.scorer import Scorer


class TimedTeachers:
    """Teachers whose logits of steps are wanted beside those of the clip.

    Args:
        members: the teachers.
        reading: how their mean reads the data set.
        table: CSV table of classes; see `teach`.

    Raises:
        AudiotagError: a multiclass data set, a teacher that is no Keras network with logits of every step of time, or
            teachers whose steps lie elsewhere.
    """

    def __init__(self, members: Sequence[Scorer], reading: Reading, table: Any = None) -> None:
        from audiotag.records.step_targets import drawing
        from audiotag.scorers import ensemble, vocabulary

        data = reading.data
        drawing(data.task)  # refuses a task whose steps are asked nothing
        if data.task.of_notes or data.task.of_speech:
            raise AudiotagError(
                f"a teacher's steps are logits of classes, {data.name} is a data set of {data.task}, whose steps are "
                f"asked for {data.task.asked_of_steps}: leave out frames"
            )
        self._mean = ensemble.Mean(
            [vocabulary.match(member.name, member.labels, data.labels, data.name, table) for member in members]
        )
        self._networks, grids = [], {}
        for member in members:
            network, grids[member.name] = _timed(member, data)
            self._networks.append(network)
        self.grid = next(iter(grids.values()))
        for name, grid in grids.items():
            if grid != self.grid:
                first = next(iter(grids))
                raise AudiotagError(
                    f"the steps of teachers are averaged where they lie at the same times, {first} has {self.grid}, "
                    f"{name} {grid}: teach each by itself, and train with both (--teacher a,b)"
                )

    def run(self, batch: tuple[np.ndarray, ...]) -> np.ndarray:
        """Mean logits of a batch of what each member takes.

        Returns:
            (batch, 1 + steps, classes that any member knows), float32: of the clip, then of its steps.
        """
        outputs = []
        for network, inputs in zip(self._networks, batch, strict=True):
            clip, steps = network.predict_on_batch(inputs)
            outputs.append(np.concatenate([clip[:, None], steps], axis=1).astype(np.float32))
        return self._mean(outputs)


def _timed(member: Scorer, data: Data) -> tuple[keras.Model, StepGrid]:
    """A teacher's network with its clip's logits and those of its steps, and where they lie."""
    import keras

    from audiotag.models.frames import frame_level, frame_steps

    network, front_end = member.network, member.front_end
    if network is None or front_end is None or member.outputs != "logits":
        raise AudiotagError(
            f"outputs of steps are a Keras network's of log-mel, {member.name} is a {member.kind}: leave out frames"
        )
    timed = frame_level(network)
    steps = frame_steps(timed)
    frames = front_end.frames(round(data.seconds * front_end.sample_rate))
    grid = StepGrid(steps.count(frames), *steps.seconds(front_end))
    return keras.Model(network.input, [network.output, timed.output]), grid
