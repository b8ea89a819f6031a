"""Callbacks of a run: stop where the loss is no longer finite, keep checkpoints and the best, one line an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np

from audiotag import progress, tables
from audiotag.errors import AudiotagError
from audiotag.training.checkpoints import Checkpoints, Progress
from audiotag.training.recipe import LAST, MONITORS


class DivergedError(AudiotagError):
    """The loss or a weight is no longer a finite number."""


class StopWhereNotFinite(keras.callbacks.Callback):
    """Raise `DivergedError` at the first step whose loss is NaN or infinite, before anything is kept of it.

    Args:
        network: whose weights are looked at after every epoch: its last step may spoil them without a later loss
            to show it.
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch for the message."""
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the epoch's mean loss so far, which one bad step makes NaN or infinite."""
        if not math.isfinite(loss := float(logs["loss"])):
            raise DivergedError(f"the loss became {loss} in epoch {self.epoch}, step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the weights and the statistics of normalisation."""
        for variable in self.network.variables:
            if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
                where = f"epoch {epoch + 1}, by step {self.params['steps']}"
                raise DivergedError(f"the weights {variable.path} became NaN or infinite in {where}")


class LogDraws(keras.callbacks.Callback):
    """Keeps a table, a row an epoch, of how many examples of each class balanced reading draws.

    Args:
        path: the table; rows of earlier epochs stay.
        draws: from an epoch to examples by class.
    """

    def __init__(self, path: Path, draws: Callable[[int], Mapping[str, int]]) -> None:
        super().__init__()
        self.path, self.draws = path, draws

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch's row."""
        counts = self.draws(epoch)
        rows = tables.read(self.path, ("epoch",), encoding=tables.OWN).to_numpy().tolist() if self.path.exists() else []
        rows = [row for row in rows if int(row[0]) <= epoch]
        tables.write(self.path, ("epoch", *counts), [*rows, (epoch + 1, *counts.values())])


def seed_everything(*numbers: int) -> None:
    """Seed Python, NumPy and the backend by a hash of some numbers."""
    keras.utils.set_random_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))


class EpochScalars(keras.callbacks.TensorBoard):
    """Losses and learning rate of every epoch, counted from 1 as everywhere else; Keras counts from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's figures."""
        super().on_epoch_end(epoch + 1, logs)


class SeedEveryEpoch(keras.callbacks.Callback):
    """Makes PyTorch's global random state a function of seed and epoch, so that a resumed run draws the same numbers.

    Dropout on PyTorch draws from it; TensorFlow and JAX draw from seeds that the network's variables hold, and
    seeding TensorFlow would make it compile every function anew.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Seed before the first step: opening the data may draw numbers too."""
        if batch == 0 and keras.backend.backend() == "torch":
            seed_everything(self.seed, self.epoch)


class KeepState(keras.callbacks.Callback):
    """Write a checkpoint after every epoch, remember the best one and stop early.

    Args:
        network: whose variables are kept.
        checkpoints: where they are kept.
        state: how far the run has come; brought up to date after every epoch.
        monitor: name in the logs, or "last".
        patience: epochs without a better one before the run stops, or None.
    """

    def __init__(
        self, network: keras.Model, checkpoints: Checkpoints, state: Progress, monitor: str, patience: int | None
    ) -> None:
        super().__init__()
        self.network, self.checkpoints, self.state = network, checkpoints, state
        self.monitor, self.patience = monitor, patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge the epoch and write its checkpoint."""
        state = self.state
        state.epoch = epoch + 1
        state.history.append({name: float(value) for name, value in logs.items()})
        if self._is_best(state):
            state.best_epoch, state.waited = state.epoch, 0
        else:
            state.waited += 1
        state.stopped = self.patience is not None and state.waited >= self.patience
        self.checkpoints.save(self.network, self.model.optimizer, state)
        self.model.stop_training = state.stopped

    def _is_best(self, state: Progress) -> bool:
        if self.monitor == LAST:
            return True
        value = state.history[-1].get(self.monitor, math.nan)
        if math.isnan(value):
            return state.best_epoch == 0
        if state.best_value is not None and MONITORS[self.monitor] * (value - state.best_value) <= 0:
            return False
        state.best_value = value
        return True


class EpochLine(keras.callbacks.Callback):
    """One line an epoch on standard error: losses, metrics, learning rate, seconds, time left.

    Args:
        epochs: of the whole run.
        state: the run's progress, to mark the best epoch.
    """

    def __init__(self, epochs: int, state: Progress) -> None:
        super().__init__()
        self.epochs, self.state = epochs, state
        self.started = 0.0
        self._bar = ExitStack()
        self._advance: Callable[[int], None]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock and its bar."""
        self.started = time.monotonic()
        title = f"epoch {epoch + 1}/{self.epochs}"
        self._advance = self._bar.enter_context(progress.bar(title, self.params["steps"], "steps", transient=True))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._advance(1)

    def close(self) -> None:
        """Take the bar away, also where an epoch does not come to its end."""
        self._bar.close()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line in the place of the bar."""
        self.close()
        seconds = time.monotonic() - self.started
        best = self.state.best_value is not None and self.state.best_epoch == epoch + 1
        progress.say(describe(epoch + 1, self.epochs, logs, seconds) + ("  best so far" if best else ""))


def describe(epoch: int, epochs: int, logs: dict[str, float], seconds: float) -> str:
    """The line of an epoch, for example `epoch 3/40  loss 0.1234  val_mAP 0.5312  lr 1.0e-03  12.3 s, 7:35 left`."""
    figures = [f"{name} {value:.4f}" for name, value in logs.items() if name != "learning_rate"]
    left = round(seconds * (epochs - epoch))
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}" if left >= 3600 else f"{left // 60}:{left % 60:02d}"
    parts = [f"epoch {epoch:>{len(str(epochs))}}/{epochs}", *figures, f"lr {logs['learning_rate']:.1e}"]
    return "  ".join([*parts, f"{seconds:.1f} s, {clock} left"])
