"""Checkpoints: the whole state of a run after a step, in one file that is either complete or not taken."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np

from audiotag import progress as terminal
from audiotag import storage
from audiotag.errors import AudiotagError
from audiotag.training import hosts
from audiotag.training.trainee import Trainee

_NAME = re.compile(r"epoch-(\d{4,})(?:-step-(\d{6,}))?\.npz")
_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, NotImplementedError, zipfile.BadZipFile)


@dataclass
class Progress:
    """How far a run has come.

    Args:
        epoch: finished epochs.
        step: finished steps of the epoch after them.
        best_epoch: the best of them, counted from 1; 0 before the first.
        best_value: what the monitor was then; None where it was not a number, or is "last".
        waited: epochs since the best one.
        stopped: whether the run ended early.
        history: what was measured, one dictionary an epoch.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    waited: int = 0
    stopped: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The folder `checkpoints/` of a run: the last two states, and the best epoch that each of them knows.

    A file holds every variable of the network (weights, statistics, states of random seeds), of its average, of the
    optimizer and of the step (seeds of augmentation, sums of losses), and the `Progress`. It is written atomically and
    every member carries a checksum, so that a torn or damaged file is noticed and the one before is used.

    Args:
        folder: the run's `checkpoints` folder; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def path(self, epoch: int, step: int = 0) -> Path:
        """File of the state after `epoch` epochs and `step` steps of the next one."""
        return self.folder / (f"epoch-{epoch:04d}-step-{step:06d}.npz" if step else f"epoch-{epoch:04d}.npz")

    def states(self) -> list[tuple[int, int]]:
        """Epochs and steps that have a file, ascending."""
        if not self.folder.is_dir():
            return []
        matches = [match for file in self.folder.iterdir() if (match := _NAME.fullmatch(file.name))]
        return sorted((int(match[1]), int(match[2] or 0)) for match in matches)

    def save(self, variables: Mapping[str, keras.Variable], progress: Progress) -> None:
        """Write the state at `progress`, then delete what is no longer needed; of several hosts, the first one does.

        Args:
            variables: all that the run goes on from, see `variables_of`.
            progress: where it is.
        """
        if not hosts.is_first():
            return
        arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in variables.items()}
        arrays["progress"] = np.frombuffer(json.dumps(asdict(progress)).encode(), np.uint8)
        with storage.write_atomically(self.path(progress.epoch, progress.step), "wb") as file:
            np.savez(file, **arrays)
        self._prune(progress)

    def _prune(self, progress: Progress) -> None:
        now = (progress.epoch, progress.step)
        previous = [state for state in self.states() if state < now][-1:]
        kept = {now, (progress.best_epoch, 0), *previous}
        for state in previous:
            read = self._read(*state, weights=False)
            kept |= {(read[1].best_epoch, 0)} if read else set()
        for state in self.states():
            if state not in kept:
                self.path(*state).unlink()

    def restore(self, variables: Mapping[str, keras.Variable]) -> Progress | None:
        """Put the newest whole state into variables; None where there is none. The first host reads it for all.

        Newer files that are torn or damaged are deleted, which is said: what they held is trained again.

        Raises:
            AudiotagError: the newest whole file holds other variables.
        """
        arrays, progress = hosts.on_first(lambda: self._newest(variables)) or (None, None)
        state = hosts.from_first(arrays, "" if progress is None else json.dumps(asdict(progress)), variables)
        if state is None:
            return None
        for name, variable in variables.items():
            variable.assign(state[0][name])
        return Progress(**json.loads(state[1]))

    def _newest(self, variables: Mapping[str, keras.Variable]) -> tuple[dict[str, np.ndarray], Progress] | None:
        for state in reversed(self.states()):
            read = self._read(*state)
            if read is None:
                terminal.say(f"{self.path(*state)} is torn or damaged: deleted, the state before it is used")
                self.path(*state).unlink()
                continue
            arrays, progress = read
            shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
            if {name: array.shape for name, array in arrays.items()} != shapes:
                raise AudiotagError(
                    f"{self.path(*state)} was written for another network, or by an earlier audiotag: "
                    "train into a new folder"
                )
            return arrays, progress
        return None

    def load_weights(self, epoch: int, network: keras.Model) -> None:
        """Put the weights after `epoch` epochs into a network: their average where one was kept.

        Raises:
            AudiotagError: the file is missing or damaged.
        """
        state = self._read(epoch, 0)
        if state is None:
            raise AudiotagError(f"{self.path(epoch)} (the best epoch) is missing or damaged: train the run again")
        arrays = state[0]
        for i, variable in enumerate(network.variables):
            variable.assign(arrays[f"network/{i}"])
        for i, variable in enumerate(network.weights):
            if (average := arrays.get(f"average/{i}")) is not None:
                variable.assign(average)

    def _read(self, epoch: int, step: int, *, weights: bool = True) -> tuple[dict[str, np.ndarray], Progress] | None:
        try:
            with np.load(self.path(epoch, step), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files if weights or name == "progress"}
            return arrays, Progress(**json.loads(arrays.pop("progress").tobytes()))
        except _BROKEN:
            return None


def variables_of(trainee: Trainee, network: keras.Model) -> dict[str, keras.Variable]:
    """Every variable that a run goes on from, by its name in a file; a live teacher's are not among them.

    Args:
        trainee: the network in training, its optimizer built.
        network: the network itself.
    """
    parts = {
        "network": network.variables,
        "average": [] if trainee.average is None else trainee.average.network.weights,
        "optimizer": trainee.optimizer.variables,
        "step": trainee.own_variables,
    }
    return {f"{part}/{i}": variable for part, variables in parts.items() for i, variable in enumerate(variables)}
