"""A policy of batches: settings by name, as a recipe holds them, to one layer that applies them in order."""

from __future__ import annotations

import importlib
import inspect
import numbers
import zlib
from collections.abc import Mapping
from typing import Any

import keras

from audiotag.augment import batches
from audiotag.augment.batches.augmentation import (
    LOG_MEL,
    Augmentation,
    Batch,
    check_form,
    front_end_of,
    with_log_mel_as,
)
from audiotag.errors import AudiotagError, suggest
from audiotag.frontend.config import LogMelConfig

_NOT_SET = ("self", "front_end", "distance", "seed", "kwargs")  # arguments of layers that no setting gives


@keras.saving.register_keras_serializable(package="audiotag")
class BatchPolicy(keras.layers.Layer):
    """Augmentations of a batch, applied in the order of their settings; identity outside training.

    It takes and gives a dictionary as every `Augmentation` does. Between the augmentations log-mel is float32.

    Args:
        settings: by the name of an augmentation, a number (its first argument) or a table of its arguments.
        front_end: of the log-mel: a configuration, its `to_dict()`, or the name of a preset.
        seed: seed of all draws; an augmentation draws the same whichever others there are. Default: another one every
            time.
        distance: frames from one step of the targets to the next. Default 1: a step a frame.

    Raises:
        AudiotagError: an unknown name (the nearest is suggested), or a value out of its range.

    Example:
        >>> policy = BatchPolicy({"mixup": 0.3, "roll": 100, "frequency_mask": {"bands": 24, "masks": 2}}, seed=0)
        >>> batch = {"log_mel": np.zeros((8, 500, 128, 1), "float16"), "label": np.eye(8, dtype="float32")}
        >>> policy(batch, training=True)["label"].shape
        TensorShape([8, 8])
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        front_end: LogMelConfig | dict[str, Any] | str = "efficientat",
        seed: int | None = None,
        distance: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "autocast": False})
        self.settings, self.front_end, self.seed = dict(settings), front_end_of(front_end), seed
        self.distance = distance
        given = {"front_end": self.front_end, "distance": distance}
        self.augmentations = [_make(name, value, given, seed) for name, value in settings.items()]
        self.built = True  # there are no weights

    @property
    def moves(self) -> frozenset[str]:
        """What of a sound is moved: "time", "pitch", both, or nothing."""
        return frozenset().union(*(augmentation.moves for augmentation in self.augmentations))

    def call(self, batch: Batch, training: bool = False) -> Batch:
        """A batch as of `Augmentation` to the same, changed in training."""
        if not training:
            return batch
        check_form(batch)
        changed = with_log_mel_as(batch, "float32")
        for augmentation in self.augmentations:
            changed = augmentation(changed, training=True)
        return with_log_mel_as(changed, batch[LOG_MEL].dtype)

    def get_config(self) -> dict[str, Any]:
        """Settings that make the same layer again."""
        settings = {"settings": self.settings, "front_end": self.front_end.to_dict(), "seed": self.seed}
        return {**super().get_config(), **settings, "distance": self.distance}


def _make(name: str, value: Any, given: Mapping[str, Any], seed: int | None) -> Augmentation:
    """The layer of a setting, with what of `given` it takes."""
    if name not in batches.AUGMENTATIONS:
        known = suggest(str(name), batches.AUGMENTATIONS)
        raise AudiotagError(f"no augmentation of batches is named {name!r}: {known}")
    cls = getattr(importlib.import_module(f"{batches.__name__}.{name}"), batches.AUGMENTATIONS[name])
    parameters = inspect.signature(cls.__init__).parameters
    arguments = [argument for argument in parameters if argument not in _NOT_SET]
    settings = value if isinstance(value, Mapping) else {arguments[0]: value}
    if not isinstance(value, (Mapping, numbers.Real)) or isinstance(value, bool):
        raise AudiotagError(
            f"{name} is a number ({arguments[0]}) or a table of {', '.join(arguments)}, received {value!r}"
        )
    for argument in settings:
        if argument not in arguments:
            raise AudiotagError(f"{name} has no argument {argument!r}: {suggest(str(argument), arguments)}")
    needed = [argument for argument in arguments if parameters[argument].default is inspect.Parameter.empty]
    if missing := [argument for argument in needed if argument not in settings]:
        raise AudiotagError(f"{name} needs {', '.join(missing)}, received {dict(settings)!r}")
    taken = {argument: value for argument, value in given.items() if argument in parameters}
    return cls(**settings, **taken, seed=_seed_of(name, seed), name=name)


def _seed_of(name: str, seed: int | None) -> int | None:
    """Of one augmentation: with equal seeds, all would draw the same numbers."""
    return None if seed is None else zlib.crc32(f"{seed} {name}".encode()) >> 1
