"""Batches: read, on their way to the device, and how long the training waits for them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from audiotag import records
from audiotag.training.checkpoints import Progress
from audiotag.training.hosts import are_several, position
from audiotag.training.recipe import Recipe
from audiotag.training.steps import StepLesson

_AHEAD = 2  # batches on the device before they are needed
_END = object()


def epoch_steps(recipe: Recipe, data: records.Data) -> int:
    """Steps of an epoch of a resolved recipe: of several hosts, of the one with the fewest examples."""
    if recipe.epoch_steps:
        return recipe.epoch_steps
    hosts = position()[1]
    return data.steps(recipe.train, recipe.batch_size // hosts, drop_remainder=True, hosts=hosts)


def batches(recipe: Recipe, data: records.Data, state: Progress, steps: StepLesson | None = None) -> Any:
    """The endless stream of a recipe's batches from where a run is: a `tf.data.Dataset` of `Trainee`'s batches.

    Each of several hosts reads its part of every batch from shards of its own.

    Args:
        recipe: resolved for the data set.
        data: the open data set.
        state: where the run is.
        steps: what is taught about the steps of time, whose targets are read then.
    """
    import tensorflow as tf

    # A last batch of a few examples would disturb batch normalisation; every epoch leaves out other ones.
    reading: dict[str, Any] = {"shuffle": True, "drop_remainder": True, "dtype": data.travels_as}
    reading |= {name: getattr(recipe, name) for name in ("batch_size", "seed", "epoch_steps")}
    reading |= {"balance": True} if recipe.balance else {}
    if are_several():
        host = position()
        reading |= {"host": host, "batch_size": recipe.batch_size // host[1], "epoch_steps": epoch_steps(recipe, data)}
    if recipe.teacher is not None:
        reading |= {"teacher": recipe.teacher, "temperature": recipe.temperature, "separate": True}
    if steps is not None:
        reading["steps"] = steps.steps
    dataset = data.read(recipe.train, first_epoch=state.epoch, first_step=state.step, **reading)

    @tf.autograph.experimental.do_not_convert
    def named(given: tf.Tensor, target: Any) -> dict[str, tf.Tensor]:
        return {data.takes: given, **(target if isinstance(target, dict) else {"label": target})}

    return dataset.map(named).prefetch(tf.data.AUTOTUNE)


class Feed:
    """Batches of a `tf.data.Dataset` for `fit`, which must not be asked for their number.

    TensorFlow reads the data set itself. For JAX and PyTorch its tensors are handed on without a copy; where there is
    an accelerator, a thread puts two batches ahead on it.

    Args:
        dataset: endless or not, of batches (dictionaries of tensors).
        placed: whether each batch is put on the one device; where it is to be spread over several, `fit` does that.
    """

    def __init__(self, dataset: Any, placed: bool = True) -> None:
        self.dataset = dataset
        self.waited = 0.0
        self._placed = placed
        self._closed = threading.Event()

    def batches(self) -> Any:
        """What `fit` is given: one element (batch,) a step."""
        if keras.backend.backend() == "tensorflow":
            return self._timed()
        return self._arrays()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _timed(self) -> Any:
        """The data set with a clock on either side: `zip` asks one after the other."""
        import tensorflow as tf

        def clock(sign: float) -> tf.data.Dataset:
            def read() -> np.int64:
                self.waited += sign * time.monotonic()
                return np.int64(0)

            numbers = tf.data.Dataset.range(np.iinfo(np.int64).max)
            return numbers.map(lambda _: tf.numpy_function(read, [], tf.int64))

        timed = tf.data.Dataset.zip(clock(-1.0), self.dataset, clock(1.0)).map(lambda before, batch, after: (batch,))
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False  # it would ask ahead, and nobody would wait
        return timed.with_options(options)

    def _arrays(self) -> Iterator[tuple[dict[str, Any]]]:
        batches = map(_placed if self._placed else _as_arrays, self.dataset)
        ahead = _ahead(batches, self._closed) if _has_accelerator() else batches
        while True:
            started = time.monotonic()
            batch = next(ahead, _END)
            self.waited += time.monotonic() - started
            if batch is _END:
                return
            yield (batch,)


def _as_arrays(batch: dict[str, Any]) -> dict[str, np.ndarray]:
    # On a CPU this is a view; `tensor.numpy()` would copy, which costs more than the transfer to a device.
    return {name: np.asarray(tensor) for name, tensor in batch.items()}


def _placed(batch: dict[str, Any]) -> dict[str, Any]:
    arrays = _as_arrays(batch)
    if keras.backend.backend() == "jax":
        import jax

        return jax.device_put(arrays)
    import torch

    device = keras.backend.torch.get_device() if hasattr(keras.backend, "torch") else "cpu"
    return {name: torch.from_numpy(np.array(values)).to(device) for name, values in arrays.items()}


def _has_accelerator() -> bool:
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() != "cpu"
    import torch

    return torch.cuda.is_available()


def _ahead(batches: Iterator[Any], closed: threading.Event) -> Iterator[Any]:
    """The batches, made by a thread that is two ahead."""
    waiting: queue.Queue[Any] = queue.Queue(_AHEAD)

    def put(element: Any) -> bool:
        while not closed.is_set():
            try:
                waiting.put(element, timeout=0.5)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(_END)
        except BaseException as error:  # the consumer raises it
            put(error)

    threading.Thread(target=make, daemon=True).start()
    while (element := waiting.get()) is not _END:
        if isinstance(element, BaseException):
            raise element
        yield element
