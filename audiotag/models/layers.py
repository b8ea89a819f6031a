"""The Keras layers of PaSST that Keras lacks: a least length, places, patchout, tokens, self-attention."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import ops

from audiotag.errors import AudiotagError

Shape = tuple[int | None, ...]
# The published trunc_normal_(std=.02) cuts at +-2, a hundred deviations away: a plain normal.
DEVIATION = 0.02


class SettingsLayer(keras.layers.Layer):
    """A layer that keeps what it was made with in attributes of the same names, and is saved with all of it."""

    def get_config(self) -> dict[str, Any]:
        """Settings that make the same layer again."""
        names = inspect.signature(type(self).__init__).parameters.keys() - {"self", "kwargs"}
        return {**super().get_config(), **{name: getattr(self, name) for name in sorted(names)}}


def _normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=DEVIATION)


def _refusal(message: str) -> AudiotagError:
    error = AudiotagError(message)
    # Keras would wrap the line in a page of call arguments; it leaves an error with this mark as it is.
    error._keras_call_info_injected = True  # type: ignore[attr-defined]
    return error


@keras.saving.register_keras_serializable(package="audiotag")
class LeastFrames(SettingsLayer):
    """The spectrogram unchanged, made sure to be long enough for one patch.

    Shorter input is refused; in a TensorFlow graph that leaves the length open, the run fails there.

    Args:
        frames: least length, frames.

    Raises:
        AudiotagError: shorter input.
    """

    def __init__(self, frames: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frames = frames

    def call(self, spectrogram: Any) -> Any:
        """(batch, frames, mels, 1) -> the same shape."""
        batch, frames, *sizes = ops.shape(spectrogram)
        self._check(frames)
        # A reshape to a given size fails where there is less, on every device.
        first = ops.reshape(spectrogram[:, : self.frames], (batch, self.frames, *sizes))
        return ops.concatenate([first, spectrogram[:, self.frames :]], axis=1)

    def _check(self, frames: Any) -> None:
        if isinstance(frames, int) and frames < self.frames:
            raise _refusal(
                f"this PaSST needs at least {self.frames} frames, one patch of time, received {frames}: "
                "use longer clips or a smaller patch"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        self._check(input_shape[1])
        return input_shape


@keras.saving.register_keras_serializable(package="audiotag")
class PositionEmbedding(SettingsLayer):
    """Adds what says when and at which pitch a patch lies: two learned embeddings, one an axis.

    Input shorter than the grid takes the first columns of the time embedding, in training a random run of them. Longer
    input is refused; in a TensorFlow graph that leaves the length open, the run fails there.

    Args:
        columns: length of the time embedding, in patches.
        patch: length of a patch, frames; with `stride` it only words the error about long input.
        stride: distance of two patches, frames.
        seed: seed of the random run.

    Raises:
        AudiotagError: input longer than the grid.
    """

    def __init__(self, columns: int, patch: int, stride: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns, self.patch, self.stride, self.seed = columns, patch, stride, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        """Make the weights for an input shape."""
        _, _, rows, width = input_shape
        self.time = self.add_weight(shape=(self.columns, width), initializer=_normal(), name="time")
        self.frequency = self.add_weight(shape=(rows, width), initializer=_normal(), name="frequency")

    @property
    def longest(self) -> int:
        """Longest input that the grid holds, frames."""
        return (self.columns - 1) * self.stride + self.patch + self.stride - 1

    def call(self, patches: Any, training: bool = False) -> Any:
        """(batch, columns, rows, width) -> the same shape."""
        columns, width = ops.shape(patches)[1], patches.shape[-1]
        if isinstance(columns, int) and columns > self.columns:
            raise _refusal(
                f"this PaSST takes at most {self.longest} frames ({self.columns} patches of time), received {columns} "
                "patches: cut the input into windows, or build it with more frames"
            )
        first = keras.random.randint((), 0, self.columns - columns + 1, seed=self.seed_generator) if training else 0
        # Unlike indexing and taking, a slice of a given size fails where there is less, on every device.
        time = ops.slice(ops.convert_to_tensor(self.time), (first, 0), (columns, width))
        return patches + ops.expand_dims(time, 1) + self.frequency

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable(package="audiotag")
class Patchout(SettingsLayer):
    """Lays the grid of patches out as a sequence; in training it leaves random ones out (arXiv 2110.05069, 2.2).

    One draw serves the whole batch, so the count left is fixed.

    Args:
        time: columns (steps of time) left out.
        frequency: rows (bands) left out.
        unstructured: patches left out anywhere, after columns and rows.
        seed: seed of the draw.

    Raises:
        AudiotagError: in training, input so short that nothing would be left.
    """

    def __init__(
        self, time: int = 0, frequency: int = 0, unstructured: int = 0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.time, self.frequency, self.unstructured, self.seed = time, frequency, unstructured, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, patches: Any, training: bool = False) -> Any:
        """(batch, columns, rows, width) -> (batch, patches left, width)."""
        if training:
            patches = self._leave_out(patches, self.time, 1, "columns of time")
            patches = self._leave_out(patches, self.frequency, 2, "rows of frequency")
        batch, columns, rows, width = ops.shape(patches)
        patches = ops.reshape(patches, (batch, columns * rows, width))
        return self._leave_out(patches, self.unstructured, 1, "patches") if training else patches

    def _leave_out(self, patches: Any, dropped: int, axis: int, what: str) -> Any:
        if dropped == 0:
            return patches
        count = ops.shape(patches)[axis]
        if isinstance(count, int) and dropped >= count:
            raise _refusal(
                f"patchout must leave some of the {count} {what} of the input, received {dropped} to leave out: "
                "choose a smaller patchout or longer clips"
            )
        kept = count - dropped
        order = ops.argsort(keras.random.uniform((count,), seed=self.seed_generator))
        # In a graph of open length nothing may be left: a slice that begins before the first fails, indexing would not.
        first = 0 if isinstance(kept, int) else ops.minimum(kept - 1, 0)
        return ops.take(patches, ops.sort(ops.slice(order, (first,), (kept,))), axis=axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        batch, columns, rows, width = input_shape
        drops = self.time or self.frequency or self.unstructured
        fixed = None if drops or columns is None or rows is None else columns * rows
        return (batch, fixed, width)


@keras.saving.register_keras_serializable(package="audiotag")
class ClassTokens(keras.layers.Layer):
    """Puts the class token and the distillation token, with their own positions, before the sequence."""

    def build(self, input_shape: Shape) -> None:
        """Make the weights for an input shape."""
        width = input_shape[-1]
        self.class_token = self.add_weight(shape=(1, width), initializer=_normal(), name="class_token")
        self.distillation_token = self.add_weight(shape=(1, width), initializer=_normal(), name="distillation_token")
        self.positions = self.add_weight(shape=(2, width), initializer=_normal(), name="positions")

    def call(self, patches: Any) -> Any:
        """(batch, patches, width) -> (batch, 2 + patches, width)."""
        tokens = ops.concatenate(
            [self.class_token + self.positions[:1], self.distillation_token + self.positions[1:]], 0
        )
        batch, _, width = ops.shape(patches)
        return ops.concatenate([ops.broadcast_to(tokens, (batch, 2, width)), patches], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        batch, patches, width = input_shape
        return (batch, None if patches is None else patches + 2, width)


@keras.saving.register_keras_serializable(package="audiotag")
class TakeTokens(keras.layers.Layer):
    """The class and distillation tokens, the first two of the sequence."""

    def call(self, sequence: Any) -> Any:
        """(batch, 2 + patches, width) -> (batch, 2, width)."""
        return sequence[:, :2]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        return (input_shape[0], 2, input_shape[2])


@keras.saving.register_keras_serializable(package="audiotag")
class TimeTokens(SettingsLayer):
    """The mean of the patches of each column: the sequence, its first two tokens left out, as steps of time.

    Args:
        rows: patches of a column.
        left_out: rows that patchout leaves out in training.
    """

    def __init__(self, rows: int, left_out: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.left_out = rows, left_out

    def call(self, sequence: Any, training: bool = False) -> Any:
        """(batch, 2 + columns x rows, width) -> (batch, columns, width)."""
        rows = self.rows - self.left_out if training else self.rows
        batch, _, width = ops.shape(sequence)
        return ops.mean(ops.reshape(sequence[:, 2:], (batch, -1, rows, width)), axis=2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        batch, tokens, width = input_shape
        return (batch, None if tokens is None else (tokens - 2) // self.rows, width)


@keras.saving.register_keras_serializable(package="audiotag")
class SelfAttention(SettingsLayer):
    """Scaled dot-product attention between the tokens of one sequence; the projections are layers of their own.

    Args:
        heads: number of heads; it divides the width.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, projected: Any) -> Any:
        """(batch, tokens, 3 width), [queries | keys | values] of heads x head width each -> (batch, tokens, width)."""
        batch, tokens, tripled = ops.shape(projected)
        size = tripled // 3 // self.heads
        parts = ops.reshape(projected, (batch, tokens, 3, self.heads, size))
        query, key, value = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3, axis=0)
        scores = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        mixed = ops.matmul(ops.softmax(scores, axis=-1), value)
        return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (batch, tokens, self.heads * size))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for a shape of the input."""
        return (*input_shape[:-1], input_shape[-1] // 3)
