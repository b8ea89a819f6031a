"""A small data set of melodies with a rule that only a longer memory sees, its tokens, and a language model of them."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag import audio, records, tokens
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration
from audiotag.tokens import LanguageModel, TokenData
from audiotag.tokens.building import Settings
from audiotag.training import Recipe, train
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=320, hop=160, fft=512, mels=24, fmax=4000.0)
STEP = 640  # samples: 12.5 steps a second
STEPS = 16
PITCHES = (300.0, 700.0, 1500.0, 3000.0)


def melody(random: np.random.Generator) -> np.ndarray:
    """Pitches of steps: each is that four steps before, so that the step before says next to nothing."""
    return np.tile(random.integers(0, len(PITCHES), 4), STEPS // 4)


def sound(pitches: np.ndarray, random: np.random.Generator) -> np.ndarray:
    time = np.arange(len(pitches) * STEP) / RATE
    tone = 0.3 * np.sin(2 * np.pi * np.repeat(np.array(PITCHES)[pitches], STEP) * time)
    return (tone + random.normal(0, 1e-3, len(time))).astype(np.float32)


@pytest.fixture(scope="session")
def melodies(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """128 clips of 16 steps to train on, 24 to validate and 24 to test."""
    folder, random, clips = tmp_path_factory.mktemp("melodies"), np.random.default_rng(3), []
    for split, count in (("train", 128), ("validation", 24), ("test", 24)):
        for number in range(count):
            name = f"{split}{number}"
            audio.write(folder / "sounds" / f"{name}.wav", sound(melody(random), random), RATE)
            clips.append(Clip(name, f"{name}.wav", ("melody" if number % 2 else "tune",), split))
    declaration = Declaration(
        name="melodies",
        version="1",
        task="multiclass",
        licence="CC0",
        citation="none",
        labels=Labels(("melody", "tune")),
        clips=tuple(clips),
        seconds=STEPS * STEP / RATE,
        root=folder / "sounds",
    )
    records.build(declaration, folder / "data", front_end=FRONT_END, engine=ThisProcess())
    return records.open(folder / "data")


@pytest.fixture(scope="session")
def learnt(melodies: Data, tmp_path_factory: pytest.TempPathFactory) -> TokenData:
    return tokens.build(melodies.path, tmp_path_factory.mktemp("tokens") / "melodies", Settings(count=8))


@pytest.fixture(scope="session")
def recipe(learnt: TokenData) -> Recipe:
    return Recipe(
        data=learnt.path,
        model="decoder",
        model_options={"width": 32, "depth": 2, "heads": 2, "dropout": 0.0},
        epochs=24,
        batch_size=32,
        learning_rate=1e-2,
        warmup=1,
    )


@pytest.fixture(scope="session")
def language_model(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return tokens.open_model(train(recipe, tmp_path_factory.mktemp("runs") / "melodies").path)
