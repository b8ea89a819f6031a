from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from audiotag import AudiotagError, records
from audiotag.evaluation import event_scores
from audiotag.frontend import LogMelConfig
from tests.in_process import ThisProcess


@pytest.fixture
def package() -> ModuleType:
    try:
        return event_scores.scorer()
    except AudiotagError as error:
        pytest.skip(str(error))


DATASET_FILE = """
from pathlib import Path

import numpy as np

from audiotag.labels import Labels
from audiotag.records import Clip, Declaration, Event

NAMES = ("low", "middle", "high")


def render(root, clip, sample_rate):
    return np.random.default_rng(int(clip.source)).normal(size=2 * sample_rate).astype(np.float32)


def declare():
    clips = []
    for number in range(20):
        random = np.random.default_rng(number)
        name = NAMES[number % 3]
        events = (Event(random.uniform(0, 1), random.uniform(1, 2), name),)
        labels, events, split = (
            ((name,), events, "test") if number < 12  # strongly labelled
            else ((), (), "test") if number < 14  # silent
            else ((name,), (), "test" if number < 17 else "validation")  # weakly labelled
        )
        clips.append(Clip(f"clip{number}", str(number), labels, split, events=events))
    return Declaration(
        name="noise", version="1", task="multilabel", licence="CC0-1.0", citation="none", labels=Labels(NAMES),
        clips=tuple(clips), seconds=2.0, root=Path("sounds"), read=render,
    )
"""
FRONT_END = LogMelConfig(name="tiny", sample_rate=8000, window=400, hop=400, fft=512, mels=16, fmax=3900.0)


@pytest.fixture(scope="module")
def strong_data(tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    """Noise: to test 12 strongly labelled clips, 2 silent and 3 weakly labelled ones, to validate on 3 of the last."""
    folder = tmp_path_factory.mktemp("events")
    (folder / "noise.py").write_text(DATASET_FILE, encoding="utf-8")
    built = records.build(
        records.declare(folder / "noise.py"), folder / "data", front_end=FRONT_END, engine=ThisProcess()
    )
    return records.open(built.path)


@pytest.fixture
def listener() -> Iterator[Any]:
    """A network whose steps are single frames, from weights drawn by seed."""
    import keras

    inputs = keras.Input((None, 16, 1), name="log_mel")
    rows = keras.layers.Reshape((-1, 16))(inputs)
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=0)
    logits = keras.layers.Dense(3, kernel_initializer=initializer, name="frame_logits")(rows)
    yield keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(logits), name="listener")
