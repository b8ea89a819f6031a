"""The log-mel spectrogram as a Keras layer: what a tagger computes, on TensorFlow, JAX and PyTorch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from audiotag.errors import AudioError
from audiotag.frontend.config import LogMelConfig, preset
from audiotag.frontend.filterbank import hann, mel_filterbank


@keras.saving.register_keras_serializable(package="audiotag")
class LogMel(keras.layers.Layer):
    """Waveform to log-mel spectrogram, float32 whatever the precision policy; it has no weights.

    A power spectrum does not fit float16, so neither the layer nor its output follows `mixed_float16`. Batch size
    and length may be unknown when the layer is traced.

    Args:
        config: front end, its `to_dict()`, or the name of a preset.
        name: name of the layer.
        kwargs: `trainable`, as every layer has it, and `dtype`, which has no effect.

    Input: (batch, samples), float, at the front end's sample rate, full scale [-1, 1].
    Output: (batch, frames, mels, 1), float32; equal to `log_mel` of each row within 1e-4 ("efficientat", "passt"; a
        front end whose floor lies far beneath its loudest bin shows the rounding of float32 in silent bands).

    Example:
        >>> LogMel("efficientat")(np.zeros((1, 32000), "float32")).shape
        (1, 100, 128, 1)
    """

    def __init__(
        self, config: LogMelConfig | dict[str, Any] | str = "efficientat", *, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **{**kwargs, "dtype": "float32"})
        self.config = LogMelConfig.from_dict(config) if isinstance(config, dict) else preset(config)
        self._window = hann(self.config).astype(np.float32)
        self._filterbank = mel_filterbank(self.config).astype(np.float32)

    def call(self, inputs: Any) -> Any:
        """Log-mel spectrograms of a batch of waveforms: (batch, samples) to (batch, frames, mels, 1)."""
        config = self.config
        self._check_length(inputs.shape)
        signal = ops.cast(inputs, "float32")
        if config.preemphasis:
            signal = signal[:, 1:] - config.preemphasis * signal[:, :-1]
        if config.padding != "none":
            mode = "reflect" if config.padding == "reflect" else "constant"
            signal = ops.pad(signal, ((0, 0), (config.margin, config.margin)), mode=mode)
        frames = ops.extract_sequences(signal, config.window, config.hop)
        real, imaginary = ops.rfft(frames * ops.convert_to_tensor(self._window), config.fft)
        energy = ops.square(real) + ops.square(imaginary)
        if config.power == 1:
            energy = ops.sqrt(energy)
        mel = ops.matmul(energy, ops.convert_to_tensor(self._filterbank))
        mel = mel + config.log_floor if config.floor == "add" else ops.maximum(mel, config.log_floor)
        factor = 1.0 if config.log == "natural" else 10.0 / np.log(10.0)
        return ops.expand_dims((ops.log(mel) * factor - config.mean) / config.scale, -1)

    def _check_length(self, shape: tuple[int | None, ...]) -> None:
        if len(shape) != 2:
            raise AudioError(f"waveforms have the shape (batch, samples), received {tuple(shape)}: add or drop an axis")
        if shape[1] is not None and shape[1] < self.config.minimum_samples:
            raise AudioError(
                f"front end {self.config.name!r} needs at least {self.config.minimum_samples} samples, "
                f"received {shape[1]}: fill the waveform up"
            )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, frames, mels, 1); an unknown length gives an unknown number of frames."""
        self._check_length(input_shape)
        frames = None if input_shape[1] is None else self.config.frames(input_shape[1])
        return (input_shape[0], frames, self.config.mels, 1)

    def get_config(self) -> dict[str, Any]:
        """Everything that `from_config` needs to make the layer again."""
        return {**super().get_config(), "config": self.config.to_dict()}
