"""What is kept of a run while it trains: its state after every epoch, every few minutes and when it is interrupted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from audiotag.errors import AudiotagError
from audiotag.training import hosts
from audiotag.training.averaging import Average
from audiotag.training.checkpoints import Checkpoints, Progress
from audiotag.training.interruption import Interruption
from audiotag.training.recipe import LAST, MONITORS

KEPT_EVERY = 600.0
"""Seconds of an epoch after which its state is kept, between two steps."""

_LOOKED_AT_EVERY = 5.0  # seconds: to read a number of the device is to wait for its last step


class DivergedError(AudiotagError):
    """The loss or a weight is no longer a finite number."""


def in_variables(model: keras.Model) -> None:
    """Make a model's variables hold what its steps have come to; on JAX they are elsewhere while it trains."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


class StopWhereNotFinite(keras.callbacks.Callback):
    """Raise `DivergedError` where the loss has become NaN or infinite, before anything is kept of it.

    The loss is looked at every few seconds and after every epoch; which step it was is counted on the device (of
    several devices of TensorFlow on the first one: from another it spoils the weights, and so its next loss).

    Args:
        network: whose weights are looked at after every epoch: its last step may spoil them without a later loss
            to show it.
        state: where the run is.
        steps: of an epoch.
    """

    def __init__(self, network: keras.Model, state: Progress, steps: int) -> None:
        super().__init__()
        self.network, self.state, self.steps = network, state, steps
        self._looked = -math.inf

    def look(self, step: int) -> None:
        """Look at the losses of the epoch's first `step` steps."""
        in_variables(self.model)
        before = self.state.epoch * self.steps
        finite = int(keras.ops.convert_to_numpy(self.model.finite_steps)) - before
        if finite < step:
            raise DivergedError(
                f"the loss became NaN or infinite in epoch {self.state.epoch + 1}, step {max(finite, 0) + 1}"
            )

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look, where the last look is long ago; several hosts look when they meet (`KeepState`)."""
        if not hosts.are_several() and time.monotonic() - self._looked >= _LOOKED_AT_EVERY:
            self.look(self.state.step + batch)
            self._looked = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the losses, the weights and the statistics of normalisation."""
        self.look(self.steps)
        for variable in self.network.variables:
            if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
                where = f"epoch {epoch + 1}, by step {self.steps}"
                raise DivergedError(f"the weights {variable.path} became NaN or infinite in {where}")


class AverageEpochs(keras.callbacks.Callback):
    """Brings an average of weights over epochs up to date; before its first epoch it is the network itself.

    Args:
        average: not one over steps.
        start: the first epoch, from 1.
        every: epochs from one to the next.
    """

    def __init__(self, average: Average, start: int, every: int) -> None:
        super().__init__()
        self.average, self.start, self.every = average, start, every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take the epoch's weights in."""
        if epoch + 1 < self.start:
            self.average.count.assign(0)
            self.average.update()
            self.average.count.assign(0)
        elif (epoch + 1 - self.start) % self.every == 0:
            self.average.update()


class KeepState(keras.callbacks.Callback):
    """Write checkpoints, remember the best epoch, stop early, and end where somebody interrupts.

    Args:
        variables: what is kept, by name.
        checkpoints: where it is kept.
        state: how far the run has come; brought up to date.
        monitor: name in the logs, or "last".
        patience: epochs without a better one before the run stops, or None.
        interruption: whether somebody wants the run to end.
        look: raises where the first steps of the epoch, so many, must not be kept.
        sent: called when a checkpoint is written.
    """

    def __init__(
        self,
        variables: Mapping[str, keras.Variable],
        checkpoints: Checkpoints,
        state: Progress,
        monitor: str,
        patience: int | None,
        interruption: Interruption,
        look: Callable[[int], None],
        sent: Callable[[], None],
    ) -> None:
        super().__init__()
        self.variables, self.checkpoints, self.state = variables, checkpoints, state
        self.monitor, self.patience = monitor, patience
        self.interruption, self.look, self.sent = interruption, look, sent
        self._first, self._kept_at = 0, 0.0
        self._meetings = hosts.Meetings()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """From here on an interruption waits for the end of a step."""
        self._first, self._kept_at = self.state.step, time.monotonic()
        self._meetings.begin(self._first)
        self.interruption.busy = True

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the state before a step, where it is time to or somebody interrupts."""
        step = self._first + batch
        overdue = time.monotonic() - self._kept_at >= KEPT_EVERY
        if hosts.are_several():
            if not self._meetings.are_due(step):
                return
            self.look(step)
            overdue, number = self._meetings.agree(step, overdue, self.interruption.signal)
            self.interruption.signal = int(number)
        if self.interruption.requested or overdue:
            if batch:
                self.look(step)
                in_variables(self.model)
                self.state.step = step
                self.checkpoints.save(self.variables, self.state)
                self.state.step = self._first
                self.sent()
                self._kept_at = time.monotonic()
            if self.interruption.requested:
                self.interruption.end()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge the epoch and write its checkpoint."""
        state = self.state
        state.epoch, state.step = epoch + 1, 0
        state.history.append({name: float(value) for name, value in logs.items()})
        if self._is_best(state):
            state.best_epoch, state.waited = state.epoch, 0
        else:
            state.waited += 1
        stopped = self.patience is not None and state.waited >= self.patience
        stopped, number = hosts.most(stopped, self.interruption.signal)
        state.stopped, self.interruption.signal = bool(stopped), int(number)
        self.checkpoints.save(self.variables, state)
        self.sent()
        self.model.stop_training = state.stopped
        self.interruption.busy = hosts.are_several()  # none of them ends alone
        if self.interruption.requested:
            self.interruption.end()

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


class RestoreSums(keras.callbacks.Callback):
    """Gives the sums of an epoch's losses back, which `fit` sets to 0, where the epoch is gone on with.

    Args:
        sums: variables of metrics and what they held.
    """

    def __init__(self, sums: list[tuple[keras.Variable, np.ndarray]]) -> None:
        super().__init__()
        self.sums = sums

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before the first step."""
        while self.sums:
            variable, value = self.sums.pop()
            variable.assign(value)
