"""Callbacks that watch a run: seeds, draws of classes, speed, curves for TensorBoard, one line an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np

from audiotag import progress, tables
from audiotag.tensorboard.events import EventFile
from audiotag.training.checkpoints import Progress
from audiotag.training.feeding import Feed
from audiotag.training.optimizers import mean_gradient_norm


class CountDraws(keras.callbacks.Callback):
    """Begins the count of examples of each class anew after every epoch, and keeps a table, a row an epoch.

    Args:
        path: the table; rows of earlier epochs stay. None: no table.
        classes: their names.
    """

    def __init__(self, path: Path | None, classes: Sequence[str]) -> None:
        super().__init__()
        self.path, self.classes = path, tuple(classes)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch's row."""
        counts = keras.ops.convert_to_numpy(self.model.drawn).astype(int).tolist()
        self.model.drawn.assign(np.zeros(len(counts), np.float32))
        if self.path is None:
            return
        rows = tables.read(self.path, ("epoch",), encoding=tables.OWN).to_numpy().tolist() if self.path.exists() else []
        rows = [row for row in rows if int(row[0]) <= epoch]
        tables.write(self.path, ("epoch", *self.classes), [*rows, (epoch + 1, *counts)])


def seed_everything(*numbers: int) -> None:
    """Seed Python, NumPy and the backend by a hash of some numbers."""
    keras.utils.set_random_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))


class SeedEveryStep(keras.callbacks.Callback):
    """Makes PyTorch's global random state a function of seed, epoch and step, so that a resumed run draws the same.

    Dropout on PyTorch draws from it; TensorFlow and JAX draw from seeds that the network's variables hold, and
    seeding TensorFlow would make it compile every function anew.

    Args:
        seed: of the run.
        state: where the run is.
    """

    def __init__(self, seed: int, state: Progress) -> None:
        super().__init__()
        self.seed, self.state = seed, state

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Seed before the step: opening the data may draw numbers too."""
        if keras.backend.backend() == "torch":
            seed_everything(self.seed, self.state.epoch, self.state.step + batch)


class Throughput(keras.callbacks.Callback):
    """Measures how fast an epoch trains, and how much of the time it waits for data.

    Args:
        feed: what it waits for.
        batch_size: examples a step.
    """

    def __init__(self, feed: Feed, batch_size: int) -> None:
        super().__init__()
        self.feed, self.batch_size = feed, batch_size
        self.clips_per_second = self.waiting = math.nan
        self._steps, self._started, self._waited = 0, 0.0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self._steps, self._started, self._waited = 0, time.monotonic(), self.feed.waited

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the steps."""
        self._steps = batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock, before anything is validated."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        self.clips_per_second = self._steps * self.batch_size / seconds
        self.waiting = min((self.feed.waited - self._waited) / seconds, 1.0)


class EpochScalars(keras.callbacks.Callback):
    """Losses, learning rate, norm of the gradients, speed and validation of every epoch, for TensorBoard.

    Args:
        train: TensorBoard's folder of the training.
        validation: of the validation; None: there is none.
        throughput: how fast it was.
    """

    def __init__(self, train: Path, validation: Path | None, throughput: Throughput) -> None:
        super().__init__()
        self.train, self.validation, self.throughput = train, validation, throughput
        self._files = ExitStack()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the event files."""
        self._train = self._files.enter_context(EventFile(self.train))
        self._validation = None if self.validation is None else self._files.enter_context(EventFile(self.validation))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close them."""
        self._files.close()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's figures."""
        speed = {"clips_per_second": self.throughput.clips_per_second, "waiting_for_data": self.throughput.waiting}
        measured = {name: value for name, value in logs.items() if name.startswith("val_")}
        trained = {name: value for name, value in logs.items() if name not in measured} | speed
        for file, figures in ((self._train, trained), (self._validation, measured)):
            if file is not None:
                for name, value in figures.items():
                    file.scalar(f"epoch_{name.removeprefix('val_')}", float(value), epoch + 1)
                file.flush()


class GradientNorm(keras.callbacks.Callback):
    """Adds the mean norm of an epoch's gradients, before any clipping, to the logs."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read it off the optimizer, and begin anew."""
        logs["gradient_norm"] = mean_gradient_norm(self.model.optimizer)


class EpochLine(keras.callbacks.Callback):
    """One line an epoch on standard error: losses, metrics, learning rate, seconds, time left.

    Args:
        epochs: of the whole run.
        state: the run's progress, to mark the best epoch.
        throughput: how fast it trains.
    """

    def __init__(self, epochs: int, state: Progress, throughput: Throughput) -> None:
        super().__init__()
        self.epochs, self.state, self.throughput = epochs, state, throughput
        self.started = 0.0
        self._bar = ExitStack()
        self._advance: Callable[[int], None]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock and its bar."""
        self.started = time.monotonic()
        title = f"epoch {epoch + 1}/{self.epochs}"
        self._advance = self._bar.enter_context(progress.bar(title, self.params["steps"], "steps", transient=True))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar by the step before: nothing here waits for the device."""
        if batch:
            self._advance(1)

    def close(self) -> None:
        """Take the bar away, also where an epoch does not come to its end."""
        self._bar.close()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line in the place of the bar."""
        self.close()
        seconds = time.monotonic() - self.started
        speed = f"{self.throughput.clips_per_second:.0f} clips/s, {self.throughput.waiting:.0%} waiting"
        best = self.state.best_value is not None and self.state.best_epoch == epoch + 1
        progress.say(describe(epoch + 1, self.epochs, logs, seconds, speed) + ("  best so far" if best else ""))


def describe(epoch: int, epochs: int, logs: dict[str, float], seconds: float, speed: str) -> str:
    """The line of an epoch: `epoch 3/40  loss 0.1234  val_mAP 0.5312  lr 1.0e-03  12.3 s (90 clips/s), 7:35 left`.

    Args:
        epoch: from 1.
        epochs: of the run.
        logs: what was measured.
        seconds: that the epoch took, its validation included.
        speed: of its training, in words.
    """
    apart = ("learning_rate", "gradient_norm")
    ordered = ["loss", *(name for name in logs if name != "loss" and name not in apart)]
    figures = [f"{name} {logs[name]:.4f}" for name in ordered]
    left = round(seconds * (epochs - epoch))
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}" if left >= 3600 else f"{left // 60}:{left % 60:02d}"
    parts = [f"epoch {epoch:>{len(str(epochs))}}/{epochs}", *figures, f"lr {logs['learning_rate']:.1e}"]
    return "  ".join([*parts, f"{seconds:.1f} s ({speed}), {clock} left"])
