"""Checkpoints: the whole state of a run after an epoch, in one file that is either complete or not taken."""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from audiotag import storage
from audiotag.errors import AudiotagError

_NAME = re.compile(r"epoch-(\d{4,})\.npz")
_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, NotImplementedError, zipfile.BadZipFile)


@dataclass
class Progress:
    """How far a run has come.

    Args:
        epoch: finished epochs.
        best_epoch: the best of them, counted from 1; 0 before the first.
        best_value: what the monitor was then; None where it was not a number, or is "last".
        waited: epochs since the best one.
        stopped: whether the run ended early.
        history: what was measured, one dictionary an epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    waited: int = 0
    stopped: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The folder `checkpoints/` of a run: the last two epochs, and the best epoch that each of them knows.

    A file holds every variable of the network (weights, statistics, states of random seeds), every variable of
    the optimizer, and the `Progress`. It is written atomically and every member carries a checksum, so that a
    torn or damaged file is noticed and the one before is used.

    Args:
        folder: the run's `checkpoints` folder; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def path(self, epoch: int) -> Path:
        """File of the state after `epoch` epochs."""
        return self.folder / f"epoch-{epoch:04d}.npz"

    def epochs(self) -> list[int]:
        """Epochs that have a file, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(match[1]) for file in self.folder.iterdir() if (match := _NAME.fullmatch(file.name)))

    def save(self, network: keras.Model, optimizer: keras.optimizers.Optimizer, progress: Progress) -> None:
        """Write the state after `progress.epoch` epochs, then delete what is no longer needed."""
        variables = _variables(network, optimizer)
        arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in variables.items()}
        arrays["progress"] = np.frombuffer(json.dumps(dataclasses.asdict(progress)).encode(), np.uint8)
        with storage.write_atomically(self.path(progress.epoch), "wb") as file:
            np.savez(file, **arrays)
        self._prune(progress)

    def _prune(self, progress: Progress) -> None:
        previous = [epoch for epoch in self.epochs() if epoch < progress.epoch][-1:]
        kept = {progress.epoch, progress.best_epoch, *previous}
        for epoch in previous:
            state = self._read(epoch, weights=False)
            kept |= {state[1].best_epoch} if state else set()
        for epoch in self.epochs():
            if epoch not in kept:
                self.path(epoch).unlink()

    def restore(self, network: keras.Model, optimizer: keras.optimizers.Optimizer) -> Progress | None:
        """Put the newest whole state into the network and the optimizer; None where there is none.

        Newer files that are torn or damaged are deleted: their epochs are trained again.

        Raises:
            AudiotagError: the newest whole file holds other variables than the network and the optimizer.
        """
        for epoch in reversed(self.epochs()):
            state = self._read(epoch)
            if state is None:
                self.path(epoch).unlink()
                continue
            arrays, progress = state
            variables = _variables(network, optimizer)
            shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
            if {name: array.shape for name, array in arrays.items()} != shapes:
                raise AudiotagError(f"{self.path(epoch)} was written for another network: train into a new folder")
            for name, variable in variables.items():
                variable.assign(arrays[name])
            return progress
        return None

    def load_weights(self, epoch: int, network: keras.Model) -> None:
        """Put the network's state after `epoch` epochs into it.

        Raises:
            AudiotagError: the file is missing or damaged.
        """
        state = self._read(epoch)
        if state is None:
            raise AudiotagError(f"{self.path(epoch)} (the best epoch) is missing or damaged: train the run again")
        for i, variable in enumerate(network.variables):
            variable.assign(state[0][f"network/{i}"])

    def _read(self, epoch: int, *, weights: bool = True) -> tuple[dict[str, np.ndarray], Progress] | None:
        try:
            with np.load(self.path(epoch), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files if weights or name == "progress"}
            return arrays, Progress(**json.loads(arrays.pop("progress").tobytes()))
        except _BROKEN:
            return None


def _variables(network: keras.Model, optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Every variable by its name in a file."""
    parts = {"network": network.variables, "optimizer": optimizer.variables}
    return {f"{part}/{i}": variable for part, variables in parts.items() for i, variable in enumerate(variables)}
