"""Run folders as training leaves them, written without a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

RECIPE = {
    "data": "/data/esc10",
    "model": "mn04",
    "model_options": {"head": "frames"},
    "epochs": 4,
    "learning_rate": 1e-3,
    "monitor": "val_accuracy",
    "data_relative": "../data/esc10",
    "data_name": "esc10",
    "fingerprint": "f" * 64,
    "backend": "tensorflow",
    "versions": {"audiotag": "0.1.0"},
}


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    return write


def write(folder: Path, values: list[float], *, finished: bool = True, stopped: bool = False, **changes: Any) -> Path:
    """A run folder of as many epochs as there are values of the monitor; None as a change leaves a field out."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {name: value for name, value in (RECIPE | changes).items() if value is not None}
    (folder / "recipe.toml").write_text(tomli_w.dumps(recipe))
    for epoch in range(1, len(values) + 1):
        checkpoint(folder, values[:epoch], recipe["monitor"], stopped and epoch == len(values))
    if finished:
        (folder / "student.keras").write_bytes(b"a network")
        (folder / "tagger.keras").write_bytes(b"a network")
    return folder


def checkpoint(folder: Path, values: list[float], monitor: str, stopped: bool = False) -> Path:
    """The checkpoint after the last value's epoch: 13 parameters, a seed's state, an optimizer's variable."""
    best = int(np.argmin(values) if monitor == "val_loss" else np.argmax(values))
    figures = [{"loss": 2.0 / epoch, "val_loss": 3.0 / epoch} for epoch in range(1, len(values) + 1)]
    progress = {
        "epoch": len(values),
        "best_epoch": best + 1,
        "best_value": values[best],
        "waited": len(values) - 1 - best,
        "stopped": stopped,
        "history": [each | {monitor: value, "learning_rate": 0.5} for each, value in zip(figures, values, strict=True)],
    }
    path = folder / "checkpoints" / f"epoch-{len(values):04d}.npz"
    path.parent.mkdir(exist_ok=True)
    network = {"network/0": np.zeros((2, 5), np.float32), "network/1": np.zeros(3, np.float32)}
    others = {"network/2": np.zeros(2, np.uint32), "optimizer/0": np.zeros(7, np.float32)}
    state = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **network, **others, progress=state)
    return path


def evaluate(folder: Path, task: str = "multiclass", **means: float) -> None:
    """The figures of an evaluation, as a report's folder holds them."""
    folder.mkdir(exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps({"task": task, "summary": {"clips": 80} | means}))


@pytest.fixture(scope="session")
def write_evaluation() -> Callable[..., None]:
    return evaluate


@pytest.fixture
def different_runs(write_run: Callable[..., Path], write_evaluation: Callable[..., None], tmp_path: Path) -> Path:
    """Two that differ in their learning rate and a setting of the network, and one that is damaged."""
    write_run(tmp_path / "good", [0.5, 0.9, 0.8, 0.7], learning_rate=1e-2)
    write_run(tmp_path / "better", [0.95], finished=False, model_options={"head": "mlp"}, teacher="passt")
    (write_run(tmp_path / "torn", [0.1]) / "recipe.toml").write_text("model =")
    write_evaluation(tmp_path / "good", mAP=0.25, accuracy=0.75, AUC=0.5)
    write_evaluation(tmp_path / "good" / "evaluation-esc50", "multilabel", mAP=0.5, F1=0.5)
    return tmp_path
