"""The devices that a batch is spread over: where variables are made, and what a device knows of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.training import hosts
from audiotag.training.recipe import Recipe

ALL = "all"
_AVERAGED = ("moving_mean", "moving_variance")
_SEED = "seed_generator_state"
_APART = 1_000_003  # from the seed of one device to that of the next


@dataclass(frozen=True)
class Devices:
    """Where a network is trained.

    Args:
        count: devices of all hosts together. Default: one.
        strategy: TensorFlow's, which holds a copy of every variable on each device. Default: none.
        distribution: JAX's, which does so too. Default: none.
    """

    count: int = 1
    strategy: Any = None
    distribution: Any = None

    @contextmanager
    def making(self) -> Iterator[None]:
        """Within the block, layers and optimizers are made for all the devices."""
        with self.training():
            if self.strategy is None:
                yield
                return
            import tensorflow as tf

            with self.strategy.scope(), tf.variable_creator_scope(_averaged_over_devices):
                yield

    @contextmanager
    def training(self) -> Iterator[None]:
        """Within the block, `fit` spreads its batches over the devices."""
        if self.distribution is None:
            yield
            return
        with self.distribution.scope():
            yield

    def check(self, recipe: Recipe, data: records.Data) -> None:
        """Refuse a recipe that cannot be trained on so many devices.

        Args:
            recipe: resolved for the data set.
            data: the open data set.
        """
        _, several = hosts.position()
        if recipe.batch_size % self.count:
            raise AudiotagError(
                f"batch_size is that of all devices together and is divided by their number, received "
                f"{recipe.batch_size} for {self.count} devices: choose a multiple of {self.count}"
            )
        if not data.steps(recipe.train, recipe.batch_size // several, drop_remainder=True, hosts=several):
            raise AudiotagError(
                f"each of {several} hosts reads {recipe.batch_size // several} examples a step from shards of its own, "
                f"and one of them has fewer in {recipe.train} of {data.name}: use fewer hosts, or a smaller batch_size"
            )
        if self.strategy is not None and (recipe.accumulate > 1 or recipe.precision == "float16"):
            received = f"accumulate={recipe.accumulate}" if recipe.accumulate > 1 else f"precision={recipe.precision!r}"
            raise AudiotagError(
                f"TensorFlow neither accumulates gradients nor scales losses on several devices, received {received}: "
                "set KERAS_BACKEND=jax, or train without"
            )

    def draw_apart(self, variables: Sequence[keras.Variable]) -> None:
        """Let every device draw numbers of its own; on JAX it draws those of its part of the batch anyway.

        The seeds of the others follow from those of the first device, which a checkpoint holds.

        Args:
            variables: all of the model that is trained.
        """
        if self.strategy is None:
            return
        for variable in variables:
            if variable.name == _SEED:
                first, *others = self.strategy.experimental_local_results(variable.value)
                for number, copy in enumerate(others, 1):
                    copy.assign(first + np.array([number * _APART, 0]))


def choose(devices: int | str | None) -> Devices:
    """Devices by their number.

    Args:
        devices: how many of each host, or "all". None: one; where there are several hosts, all.

    Raises:
        AudiotagError: no number, more than there are, or PyTorch.
    """
    number = _number(devices)
    backend = keras.backend.backend()
    if (number == 1 or devices is None) and not hosts.are_several():
        return Devices()
    if backend not in ("tensorflow", "jax"):
        raise AudiotagError(
            f"several devices train on TensorFlow or JAX, the backend here is {backend}: set KERAS_BACKEND=jax"
        )
    if backend == "tensorflow":
        names = _first_of(_of_tensorflow(), number)
        if len(names) == 1:
            return Devices()
        return Devices(len(names), strategy=_strategy(tuple(names)))
    of_hosts = _of_jax()
    if len({len(of_host) for of_host in of_hosts}) > 1:
        raise AudiotagError(
            f"every host has as many devices as any other, received {', '.join(str(len(own)) for own in of_hosts)}: "
            "let each see equally many (CUDA_VISIBLE_DEVICES)"
        )
    names = [name for of_host in of_hosts for name in _first_of(of_host, number)]
    if len(names) == 1:
        return Devices()
    distribution = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
    return Devices(len(names), distribution=distribution)


def copies() -> int:
    """How many devices compute a step, each with a part of the batch that it takes for the whole (TensorFlow).

    On JAX every operation is one on the whole batch.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def summed(gradients: Sequence[Any]) -> list[Any]:
    """The sums over all devices of what each has of its part of the batch; None stays."""
    if copies() == 1:
        return list(gradients)
    import tensorflow as tf

    present = [gradient for gradient in gradients if gradient is not None]
    sums = iter(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, present))
    return [None if gradient is None else next(sums) for gradient in gradients]


def _number(devices: int | str | None) -> int | None:
    if devices is None or devices == ALL:
        return None
    try:
        number = int(devices)
    except ValueError:
        number = 0
    if number < 1:
        raise AudiotagError(f"devices is a number from 1, or 'all', received {devices!r}")
    return number


def _first_of(names: Sequence[str], number: int | None) -> Sequence[str]:
    if number is not None and number > len(names):
        raise AudiotagError(
            f"devices is at most the {len(names)} that there are ({', '.join(names)}), received {number}"
        )
    return names[:number]


@cache
def _strategy(names: tuple[str, ...]) -> Any:
    """The same one for all trainings of a process: two would take each other's messages for their own."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(names))


def _of_tensorflow() -> list[str]:
    """The GPUs of this host; where it has none, its CPU, as often as it was divided."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [f"{device.device_type}:{device.name.rpartition(':')[2]}" for device in devices]


def _of_jax() -> list[list[str]]:
    """The devices of every host."""
    import jax

    names: list[list[str]] = [[] for _ in range(jax.process_count())]
    for device in jax.devices():
        names[device.process_index].append(f"{device.platform}:{device.id}")
    return names


def _averaged_over_devices(create: Any, **settings: Any) -> Any:
    """Of TensorFlow's variables, running statistics: each device moves its own, who asks receives their mean."""
    if settings.get("name") in _AVERAGED:
        import tensorflow as tf

        settings["aggregation"] = tf.VariableAggregation.MEAN
        settings["synchronization"] = tf.VariableSynchronization.ON_READ
    return create(**settings)
