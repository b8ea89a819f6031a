"""A small data set of real sound files for training tests, and a network that learns it in moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
NAMES = ("low", "middle", "high")


@pytest.fixture(scope="session")
def build_tones() -> Callable[..., Path]:
    """Noisy tones of three pitches, a quarter of a second each; every other clip of a multilabel set has two."""

    def build(folder: Path, task: str = "multiclass", splits: tuple[tuple[str, int], ...] = ()) -> Path:
        generator = np.random.default_rng(1)
        clips = []
        for split, count in splits or (("train", 18), ("validation", 7)):
            for number in range(count):
                labels = [number % 3] + ([(number + 1) % 3] if task == "multilabel" and number % 2 else [])
                seconds = np.arange(RATE // 4) / RATE
                tones = [np.sin(2 * np.pi * 300 * 2.5**label * seconds) for label in labels]
                waveform = 0.2 * np.sum(tones, axis=0) + generator.normal(scale=0.1, size=len(seconds))
                audio.write(folder / "sounds" / f"{split}{number}.wav", waveform.astype(np.float32), RATE)
                names = tuple(NAMES[label] for label in labels)
                clips.append(Clip(f"{split}{number}", f"{split}{number}.wav", names, split))
        declaration = Declaration(
            name="tones",
            version="1",
            task=task,
            licence="CC0",
            citation="none",
            labels=Labels(NAMES),
            clips=tuple(clips),
            seconds=0.25,
            root=folder / "sounds",
        )
        records.build(declaration, folder / "data", front_end=FRONT_END, engine=ThisProcess())
        return folder / "data"

    return build


@pytest.fixture(scope="session")
def tones(build_tones: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Data:
    return records.open(build_tones(tmp_path_factory.mktemp("tones")))


@pytest.fixture
def network() -> Callable[..., object]:
    """A convolution with everything that has state: normalisation, dropout, weights."""

    def make(classes: int = 3, seed: int = 1) -> object:
        import keras

        keras.utils.set_random_seed(seed)
        log_mel = keras.Input((None, FRONT_END.mels, 1))
        x = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(log_mel)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
        return keras.Model(log_mel, keras.layers.Dense(classes)(x), name="small")

    return make
