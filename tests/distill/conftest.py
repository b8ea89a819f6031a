"""A small multilabel data set with an augmented view of every clip, and networks that can teach it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, augment, records
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
LABELS = Labels(("dog", "rain", "sea"))
SPLITS = (("train", 9), ("test", 4))


@pytest.fixture(scope="session")
def noises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen clips of noise with an augmented view each, in several shards."""
    folder = tmp_path_factory.mktemp("noises")
    generator = np.random.default_rng(0)
    clips = []
    for split, count in SPLITS:
        for number in range(count):
            name = f"{split}{number}"
            audio.write(folder / "sounds" / f"{name}.wav", generator.normal(scale=0.1, size=1600).astype("f"), RATE)
            clips.append(Clip(name, f"{name}.wav", (LABELS.names[number % 3],), split))
    declaration = Declaration(
        name="noises",
        version="1",
        task="multilabel",
        licence="CC0",
        citation="none",
        labels=LABELS,
        clips=tuple(clips),
        seconds=0.2,
        root=folder / "sounds",
    )
    records.build(
        declaration, folder / "data", front_end=FRONT_END, policy=augment.policy("light"), variants=1, workers=1
    )
    return folder / "data"


@pytest.fixture
def data(noises: Path, tmp_path: Path) -> Data:
    """A copy that a test may write teachers into."""
    import shutil

    shutil.copytree(noises, tmp_path / "data")
    return records.open(tmp_path / "data")


@pytest.fixture
def teacher_file(tmp_path: Path) -> Callable[..., Path]:
    """A random network saved with a card."""

    def make(
        name: str = "teacher", seed: int = 1, labels: Labels = LABELS, front_end: LogMelConfig = FRONT_END
    ) -> Path:
        import keras

        from audiotag import models

        keras.utils.set_random_seed(seed)
        log_mel = keras.Input((None, front_end.mels, 1))
        x = keras.layers.Conv2D(4, 3, activation="relu")(log_mel)
        logits = keras.layers.Dense(len(labels))(keras.layers.GlobalAveragePooling2D()(x))
        card = models.ModelCard(name, labels, front_end, "multilabel", 0.2)
        return models.save(keras.Model(log_mel, logits), tmp_path / f"{name}.keras", card)

    return make
