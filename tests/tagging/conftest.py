"""A tiny tagger and small sounds for the tagging tests."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

RATE = 8000
LABELS = Labels(("Dog", "rain, heavy", 'a "quoted" 🐕'), ids=("/m/dog", "/m/rain", "/m/quoted"))
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=80, fft=256, mels=16, fmax=4000.0)


def make_network(classes: int = 3, mels: int = 16, frames: int | None = None):
    """A small functional network whose outputs depend on the whole of its input."""
    import keras

    keras.utils.set_random_seed(7)
    log_mel = keras.Input((frames, mels, 1))
    hidden = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="hidden")(log_mel)
    pooled = keras.layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(log_mel, keras.layers.Dense(classes, name="logits")(pooled), name="tiny")


@pytest.fixture(scope="session")
def network_for():
    return make_network


@pytest.fixture(scope="session")
def labels() -> Labels:
    return LABELS


@pytest.fixture(scope="session")
def front_end() -> LogMelConfig:
    return FRONT_END


@pytest.fixture(scope="session")
def tagger():
    from audiotag.tagging import AudioTagger

    return AudioTagger(make_network(), LABELS, FRONT_END, task="multilabel", seconds=1.0)


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """3.3 s of noise whose level rises, so that no two windows are alike."""
    samples = np.random.default_rng(3).standard_normal(round(3.3 * RATE)) * np.linspace(0.01, 0.3, round(3.3 * RATE))
    return samples.astype(np.float32)
