"""A data set in memory with the interface of `audiotag.records.Data`, and a network whose logits are its input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from audiotag.frontend import preset
from audiotag.labels import Labels, join_cell


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
        self.asked: list[dict[str, Any]] = []

    def select(self, expression: str) -> list[str]:
        return list(self.splits) if expression == "all" else [expression]

    def count(self, expression: str, variants: int | None = None) -> int:
        return sum(self.splits[split] for split in self.select(expression))

    def read(self, expression: str, **options: Any) -> Any:
        import tensorflow

        self.asked.append(options)
        rows = np.flatnonzero(np.isin(self.held, self.select(expression)))
        log_mel = self.logits[rows][:, :, None, None]
        keys = np.array([self.clip_ids[row].encode() for row in rows])
        elements = (log_mel, self.targets[rows], keys, np.zeros(len(rows), np.int64))
        return tensorflow.data.Dataset.from_tensor_slices(elements).batch(options["batch_size"])


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
