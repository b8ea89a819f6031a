"""A small data set of sound files and networks for it; and one in memory whose log-mel is a row of logits."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from audiotag import audio, records
from audiotag.frontend import LogMelConfig, preset
from audiotag.labels import Labels, join_cell
from audiotag.records import Clip, Data, Declaration
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
NAMES = ("low", "middle", "high")


class MemoryData:
    """Clips whose log-mel is a row of logits, so that the right scores are known."""

    def __init__(self, targets: np.ndarray, logits: np.ndarray, names: list[str], task: str, splits: list[str]) -> None:
        self.name, self.path, self.task = "memory", Path("data/memory"), task
        self.labels, self.front_end = Labels(tuple(names)), preset("efficientat")
        self.targets, self.logits = targets.astype(np.float32), logits.astype(np.float32)
        self.held = np.array(splits)
        self.splits = {split: splits.count(split) for split in splits}
        self.clip_ids = [f"clip {index} é" for index in range(len(targets))]
        cells = [join_cell(name for name, held in zip(names, row, strict=True) if held) for row in targets]
        self.clips = pandas.DataFrame(
            {"clip_id": self.clip_ids, "split": splits, "labels": cells, "status": "ok", "reason": ""}
        )
        self.variants, self.waveforms, self.seconds, self.speed = 0, False, 10.0, 1.0
        self.asked: list[dict[str, Any]] = []

    def select(self, expression: str) -> list[str]:
        return list(self.splits) if expression == "all" else [expression]

    def count(self, expression: str, variants: int | None = None) -> int:
        return sum(self.splits[split] for split in self.select(expression))

    def batches(
        self, expression: str, *, batch_size: int, variants: int = 0, waveforms: bool = False
    ) -> Iterator[dict[str, Any]]:
        self.asked.append({"batch_size": batch_size, "variants": variants, "waveforms": waveforms})
        rows = np.flatnonzero(np.isin(self.held, self.select(expression)))
        for part in (rows[start : start + batch_size] for start in range(0, len(rows), batch_size)):
            yield {
                "clip_id": [self.clip_ids[row] for row in part],
                "variant": np.zeros(len(part), np.int64),
                "log_mel": self.logits[part][:, :, None, None],
                "target": self.targets[part],
            }


@pytest.fixture
def memory_data() -> Callable[..., MemoryData]:
    def make(
        clips: int = 40,
        names: tuple[str, ...] = ("dog", "rain", "sea"),
        task: str = "multiclass",
        splits: list[str] | None = None,
        seed: int = 0,
    ) -> MemoryData:
        random = np.random.default_rng(seed)
        logits = random.normal(size=(clips, len(names)))
        if task == "multiclass":
            truth = np.eye(len(names))[random.permutation(np.arange(clips) % len(names))]
        else:
            truth = random.random((clips, len(names))) < 0.3
        return MemoryData(truth, logits + 1.5 * truth, list(names), task, splits or ["test"] * clips)

    return make


@pytest.fixture
def echo() -> Callable[[int], Any]:
    """A network that gives its input (batch, classes, 1, 1) back as logits, with one weight that can be trained."""

    def make(classes: int) -> Any:
        import keras

        inputs = keras.Input((classes, 1, 1))
        scaled = keras.layers.Rescaling(1.0)(keras.layers.Reshape((classes,))(inputs))
        gain = keras.layers.Dense(classes, use_bias=False, kernel_initializer="identity")
        return keras.Model(inputs, gain(scaled))

    return make


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the recordings: 12 noisy tones, a quarter of a second each."""
    folder = tmp_path_factory.mktemp("sounds")
    generator = np.random.default_rng(1)
    time = np.arange(RATE // 4) / RATE
    for number in range(12):
        tone = 0.2 * np.sin(2 * np.pi * 300 * 2.5 ** (number % 3) * time)
        audio.write(folder / f"{number}.wav", (tone + generator.normal(scale=0.1, size=len(time))).astype("f4"), RATE)
    return folder


def declaration(sounds: Path, task: str) -> Declaration:
    clips = tuple(
        Clip(
            clip_id=f"clip{number}",
            source=f"{number}.wav",
            labels=(NAMES[number % 3], *((NAMES[0],) if task == "multilabel" and number % 3 else ())),
            split="train" if number < 3 else "test",
        )
        for number in range(12)
    )
    about = {"name": "tones", "version": "1", "licence": "CC0", "citation": "none"}
    return Declaration(**about, task=task, labels=Labels(NAMES), clips=clips, seconds=0.25, root=sounds)


@pytest.fixture
def declared(sounds: Path) -> Declaration:
    return declaration(sounds, "multiclass")


def build(sounds: Path, out: Path, task: str = "multiclass", **options: object) -> Data:
    records.build(declaration(sounds, task), out, front_end=FRONT_END, engine=ThisProcess(), **options)
    return records.open(out)


@pytest.fixture(scope="session")
def data(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Without waveforms; nine clips in the split test."""
    return build(sounds, tmp_path_factory.mktemp("data") / "tones")


@pytest.fixture(scope="session")
def data_with_waveforms(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    return build(sounds, tmp_path_factory.mktemp("data") / "tones", keep_waveforms=True)


@pytest.fixture(scope="session")
def multilabel_data(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    return build(sounds, tmp_path_factory.mktemp("data") / "tones", task="multilabel")


@pytest.fixture(scope="session")
def network() -> Callable[..., object]:
    """(batch, frames, 16, 1) -> logits that depend on the whole of the input; the same model for the same arguments."""

    @cache
    def make(classes: int = 3, frames: int | None = None, activation: str | None = None) -> object:
        import keras

        keras.utils.set_random_seed(7)
        log_mel = keras.Input((frames, FRONT_END.mels, 1))
        hidden = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(log_mel)
        pooled = keras.layers.GlobalAveragePooling2D(name="features")(hidden)
        logits = keras.layers.Dense(classes, activation=activation, kernel_initializer="random_normal")(4.0 * pooled)
        return keras.Model(log_mel, logits, name="small")

    return make


@pytest.fixture(scope="session")
def log_mel_of(data: Data) -> Callable[[Sequence[str]], np.ndarray]:
    """Log-mel (clips, frames, mels, 1) of the split test by clip id, read without what is tested."""
    found = {
        clip_id.decode(): log_mel
        for log_mel, _, clip_id, _ in data.read("test", variants=0, keys=True).as_numpy_iterator()
    }
    return lambda clip_ids: np.stack([found[clip_id] for clip_id in clip_ids])


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """A CSV file from its rows, the header first."""

    def write(*rows: Sequence[object], name: str = "scores.csv") -> Path:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return tmp_path / name

    return write
