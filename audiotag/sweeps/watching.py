"""What watches a trial while it is trained: its figures go to the study, which may end it, and so may the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import optuna

from audiotag import runs


class TimeIsUp(Exception):
    """The sweep has had its time; the trial goes on when the sweep does."""


class Watch(keras.callbacks.Callback):
    """Reports every epoch's monitor to the study.

    Args:
        trial: of the study.
        folder: the trial's run folder.
        monitor: name in the logs.
        epochs: of the whole run: after the last one there is nothing left to prune.
        deadline: of the monotonic clock, seconds.

    Raises:
        optuna.TrialPruned: after an epoch, if the study gives the trial up.
        TimeIsUp: after an epoch, if the deadline has passed.
    """

    def __init__(self, trial: optuna.Trial, folder: Path, monitor: str, epochs: int, deadline: float) -> None:
        super().__init__()
        self.trial, self.folder, self.monitor = trial, folder, monitor
        self.epochs, self.deadline = epochs, deadline

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Report epochs whose checkpoint was written just before their process was killed."""
        checkpoint = runs.read(runs.files_of(self.folder)).checkpoint
        if checkpoint is not None:
            report(self.trial, self.monitor, checkpoint.history)
            self._judge(checkpoint.epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch; its checkpoint is written."""
        report(self.trial, self.monitor, [logs or {}], first=epoch + 1)
        self._judge(epoch + 1)

    def _judge(self, epoch: int) -> None:
        if epoch < self.epochs and self.trial.should_prune():
            raise optuna.TrialPruned
        if epoch < self.epochs and time.monotonic() > self.deadline:
            raise TimeIsUp


def report(trial: optuna.Trial, monitor: str, history: Sequence[dict[str, float]], first: int = 1) -> None:
    """Report what was measured in some epochs and is not in the study yet; what is not defined is left out."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for epoch, figures in enumerate(history, first):
        value = float(figures.get(monitor, math.nan))
        if epoch not in known and math.isfinite(value):
            trial.report(value, epoch)
