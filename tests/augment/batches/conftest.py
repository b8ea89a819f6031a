"""A batch of every kind of entry, and layers applied to what NumPy chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from audiotag.frontend import LogMelConfig
from audiotag.frontend.array import log_mel

RATE = 8000
BATCH, CLASSES = 6, 3


@pytest.fixture(scope="session")
def front_end() -> LogMelConfig:
    return LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)


@pytest.fixture(scope="session")
def waveforms() -> np.ndarray:
    """Noises of falling level, the last of them silent in its second half."""
    generator = np.random.default_rng(1)
    sounds = generator.normal(size=(BATCH, RATE)) * np.logspace(-0.5, -3, BATCH)[:, None]
    sounds[-1, RATE // 2 :] = 0
    return sounds.astype(np.float32)


@pytest.fixture
def batch(front_end: LogMelConfig, waveforms: np.ndarray) -> dict[str, np.ndarray]:
    """Log-mel, labels that some nobody judged, a teacher's targets, and targets of every frame."""
    generator = np.random.default_rng(2)
    spectrograms = np.stack([log_mel(waveform, front_end) for waveform in waveforms])[..., None]
    label = generator.integers(0, 2, (BATCH, CLASSES)).astype(np.float32)
    label[1, 0] = label[4, 2] = np.nan
    return {
        "log_mel": spectrograms.astype(np.float32),
        "label": label,
        "distillation": generator.random((BATCH, CLASSES), np.float32),
        "frames": generator.random((BATCH, spectrograms.shape[1], CLASSES), np.float32),
    }


@pytest.fixture(scope="session")
def applied() -> Callable[..., dict[str, np.ndarray]]:
    """`applied(layer, batch, numbers)` in NumPy."""
    import keras

    def apply(layer: Any, batch: dict[str, np.ndarray], numbers: dict[str, Any]) -> dict[str, np.ndarray]:
        tensors = [
            {name: keras.ops.convert_to_tensor(value) for name, value in part.items()} for part in (batch, numbers)
        ]
        return {name: keras.ops.convert_to_numpy(values) for name, values in layer.apply(*tensors).items()}

    return apply


@pytest.fixture(scope="session")
def drawn() -> Callable[..., dict[str, np.ndarray]]:
    """What a layer draws for log-mel of a shape, in NumPy."""
    import keras

    def draw(layer: Any, *shape: int) -> dict[str, np.ndarray]:
        return {name: keras.ops.convert_to_numpy(value) for name, value in layer.draw((*shape, 1)).items()}

    return draw
