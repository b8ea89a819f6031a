"""Sweeps whose runs are written without a network, by a training that can be killed at any epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiotag import runs, sweeps
from audiotag.sweeps import trials
from audiotag.training import Recipe

MONITOR = "val_accuracy"


class Killed(BaseException):
    """Ends the process, as far as a sweep can tell."""


class Training:
    """A training whose monitor is a function of the choices and the epoch.

    Args:
        write_run: writes the run folder.
        monitor: from recipe and epoch, from 1, to a value.
    """

    def __init__(self, write_run: Callable[..., Path], monitor: Callable[[Recipe, int], float]) -> None:
        self.write_run, self.monitor = write_run, monitor
        self.trained: list[tuple[str, int]] = []
        self.killed_at: tuple[str, int, str] | None = None
        self.errors: dict[str, Exception] = {}

    def train(self, recipe: Recipe, out: Path, callbacks: Sequence[Any]) -> Any:
        (watch,) = callbacks
        done = runs.read(runs.files_of(out)).epoch if out.exists() else 0
        values = [self.monitor(recipe, epoch) for epoch in range(1, recipe.epochs + 1)]
        changes = {"learning_rate": recipe.learning_rate, "mixup": recipe.mixup, "monitor": MONITOR}
        self.write_run(out, values[:done], finished=False, epochs=recipe.epochs, **changes)
        watch.on_train_begin()
        for epoch in range(done + 1, recipe.epochs + 1):
            self._kill(out, epoch, "in the epoch")
            if out.name in self.errors:
                raise self.errors[out.name]
            self.trained.append((out.name, epoch))
            self.write_run(out, values[:epoch], finished=False, epochs=recipe.epochs, **changes)
            self._kill(out, epoch, "after its checkpoint")
            watch.on_epoch_end(epoch - 1, {MONITOR: values[epoch - 1]})
        self.write_run(out, values, epochs=recipe.epochs, **changes)
        self._kill(out, recipe.epochs, "at the end")
        history = runs.read(runs.files_of(out)).checkpoint.history
        return SimpleNamespace(history=history, best_value=max(values))

    def _kill(self, out: Path, epoch: int, moment: str) -> None:
        if self.killed_at == (out.name, epoch, moment):
            self.killed_at = None
            raise Killed


@pytest.fixture
def training(write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Training:
    """The better the nearer the learning rate is to 0.01; a little better every epoch."""
    pytest.importorskip("optuna")
    made = Training(write_run, lambda recipe, epoch: 1 - abs(recipe.learning_rate - 0.01) * 50 + epoch / 100)
    monkeypatch.setattr(trials, "training", made)
    monkeypatch.setattr(trials.keras.backend, "clear_session", lambda: None)  # there is no network to forget
    return made


@pytest.fixture
def sweep(training: Training, data: Any) -> Callable[..., sweeps.Sweep]:
    def run(out: Path, *vary: str, recipe: dict[str, Any] | None = None, **options: Any) -> sweeps.Sweep:
        chosen = {"train": "train", "validation": "test", "epochs": 4, "seed": 5} | (recipe or {})
        dimensions = [sweeps.parse(text) for text in vary or ("learning_rate=1e-4..1e-1:log",)]
        return sweeps.sweep(Recipe(data.path, **chosen), dimensions, out, **{"trials": 8, "prune": "none"} | options)

    return run
