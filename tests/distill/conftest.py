"""A small multilabel data set with an augmented view of every clip, and networks that can teach it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, augment, records
from audiotag.clip_format import ClipFormat
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
LABELS = Labels(("dog", "rain", "sea"))
SPLITS = (("train", 9), ("test", 4))


def build(folder: Path, *, keep_waveforms: bool = False, task: str = "multilabel") -> Path:
    """Thirteen clips of noise with an augmented view each, in several shards."""
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
        task=task,
        licence="CC0",
        citation="none",
        labels=LABELS,
        clips=tuple(clips),
        seconds=0.2,
        root=folder / "sounds",
    )
    records.build(
        declaration,
        folder / "data",
        front_end=FRONT_END,
        policy=augment.policy("light"),
        variants=1,
        workers=1,
        keep_waveforms=keep_waveforms,
    )
    return folder / "data"


@pytest.fixture(scope="session")
def noises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("noises"))


@pytest.fixture(scope="session")
def audible_noises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("audible"), keep_waveforms=True)


@pytest.fixture(scope="session")
def exclusive_noises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("exclusive"), task="multiclass")


def copy(source: Path, target: Path) -> Data:
    shutil.copytree(source, target)
    return records.open(target)


@pytest.fixture
def data(noises: Path, tmp_path: Path) -> Data:
    """A copy that a test may write teachers into."""
    return copy(noises, tmp_path / "data")


@pytest.fixture
def audible(audible_noises: Path, tmp_path: Path) -> Data:
    """The same with the waveforms of its views."""
    return copy(audible_noises, tmp_path / "audible")


@pytest.fixture
def exclusive(exclusive_noises: Path, tmp_path: Path) -> Data:
    """The same as a multiclass task."""
    return copy(exclusive_noises, tmp_path / "exclusive")


@pytest.fixture(scope="session")
def stored() -> Callable[[Path, Data], dict[tuple[str, int], np.ndarray]]:
    """The logits of a teacher's folder by clip and variant, read by TensorFlow's own protobuf."""
    import tensorflow as tf

    def read(folder: Path, data: Data) -> dict[tuple[str, int], np.ndarray]:
        logits: dict[tuple[str, int], np.ndarray] = {}
        for split in data.splits:
            for shard in data.shards(split):
                for record in tf.data.TFRecordDataset(str(folder / shard.name)).as_numpy_iterator():
                    feature = tf.train.Example.FromString(record).features.feature
                    key = feature["clip_id"].bytes_list.value[0].decode(), feature["variant"].int64_list.value[0]
                    logits[key] = np.frombuffer(feature["logits"].bytes_list.value[0], np.float32)
        return logits

    return read


@pytest.fixture(scope="session")
def waveforms() -> Callable[[Data], dict[tuple[str, int], np.ndarray]]:
    """The waveform of every view, read by TensorFlow's own protobuf."""
    import tensorflow as tf

    def read(data: Data) -> dict[tuple[str, int], np.ndarray]:
        found: dict[tuple[str, int], np.ndarray] = {}
        for shard in [shard for split in data.splits for shard in data.shards(split)]:
            for record in tf.data.TFRecordDataset(str(shard)).as_numpy_iterator():
                feature = tf.train.Example.FromString(record).features.feature
                key = feature["clip_id"].bytes_list.value[0].decode(), feature["variant"].int64_list.value[0]
                steps = np.frombuffer(feature["waveform"].bytes_list.value[0], "<i2")
                found[key] = steps / 32767 * feature["waveform_peak"].float_list.value[0]
        return found

    return read


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
        card = models.ModelCard(name, ClipFormat(labels, front_end, "multilabel", 0.2))
        return models.save(keras.Model(log_mel, logits), tmp_path / f"{name}.keras", card)

    return make
