"""What every augmentation of batches is: a draw, its application, and nothing outside training."""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import keras
from keras import ops

from audiotag.errors import AudiotagError
from audiotag.frontend.config import LogMelConfig, preset

Batch = dict[str, Any]
Numbers = dict[str, Any]
"""What was drawn for a batch, by what it is."""

LOG_MEL = "log_mel"


class Augmentation(keras.layers.Layer):
    """A random change of the log-mel of a batch, and of the targets that must follow; identity outside training.

    It is called with a dictionary, `layer({"log_mel": …, "label": …, "distillation": …}, training=True)`, and gives one
    of the same keys, shapes and dtypes. "log_mel" is (batch, frames, mels, 1), float16, bfloat16 or float32, as the
    front end gives it. Every other entry is a target, float32, NaN where nobody judged: (batch, classes), or one of
    steps of time, (batch, steps, …, classes). Numbers are drawn for every example, and computed in float32 whatever
    the layer's dtype policy.

    Args:
        seed: seed of the draws, whose state is a variable of the layer. Default: another one every time.

    Raises:
        AudiotagError: in training, a batch of another form.
    """

    moves: frozenset[str] = frozenset()
    """What of a sound is moved: "time", "pitch", or nothing. What moves time moves the targets of steps with it."""

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "autocast": False})  # in half precision, targets would lose digits
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True  # there are no weights

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """The random numbers for log-mel of a shape (batch, frames, mels, 1)."""
        raise NotImplementedError

    def change(self, values: Any, numbers: Numbers) -> Any:
        """The log-mel, (batch, frames, mels, 1) float32, changed as drawn."""
        raise NotImplementedError

    def apply(self, batch: Batch, numbers: Numbers) -> Batch:
        """The batch, its log-mel in float32, changed as drawn."""
        return batch | {LOG_MEL: self.change(batch[LOG_MEL], numbers)}

    def call(self, batch: Batch, training: bool = False) -> Batch:
        """A batch as described above to the same, changed in training."""
        if not training:
            return batch
        check_form(batch)
        numbers = self.draw(ops.shape(batch[LOG_MEL]))
        changed = self.apply(with_log_mel_as(batch, "float32"), numbers)
        return with_log_mel_as(changed, batch[LOG_MEL].dtype)

    def uniform(self, *shape: Any) -> Any:
        """Float32 numbers from 0 to 1, without 1."""
        return keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Settings that make the same layer again."""
        names = inspect.signature(type(self).__init__).parameters.keys() - {"self", "kwargs"}
        settings = {name: getattr(self, name) for name in sorted(names)}
        if "front_end" in settings:
            settings["front_end"] = settings["front_end"].to_dict()
        return {**super().get_config(), **settings}


def front_end_of(config: LogMelConfig | dict[str, Any] | str) -> LogMelConfig:
    """A front end from what a layer was given: itself, its `to_dict()`, or the name of a preset."""
    return LogMelConfig.from_dict(config) if isinstance(config, dict) else preset(config)


def with_log_mel_as(batch: Batch, dtype: Any) -> Batch:
    """The batch, its log-mel in another dtype."""
    return batch | {LOG_MEL: ops.cast(batch[LOG_MEL], dtype)}


def integers_below(uniform: Any, count: Any) -> Any:
    """Whole numbers, int32, from 0 to `count - 1`, of uniform ones in [0, 1)."""
    return ops.cast(uniform * ops.cast(count, "float32"), "int32")


def refuse(message: str) -> NoReturn:
    """Raise an error inside a call, where Keras would wrap its line in a page of arguments but for this mark."""
    error = AudiotagError(message)
    error._keras_call_info_injected = True  # type: ignore[attr-defined]
    raise error


def check_form(batch: Batch) -> None:
    """Refuse what is not a dictionary with log-mel of four axes."""
    if not isinstance(batch, dict) or LOG_MEL not in batch:
        received = sorted(batch) if isinstance(batch, dict) else type(batch).__name__
        refuse(f"a batch is a dictionary with log-mel under {LOG_MEL!r} and targets beside it, received {received}")
    if len(batch[LOG_MEL].shape) != 4:
        refuse(
            f"log-mel has the shape (batch, frames, mels, 1), received {tuple(batch[LOG_MEL].shape)}: "
            "add the missing axis"
        )
