"""A report with something of everything, and a TensorBoard server to ask about it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.reliability import reliability

NAMES = ("Rooster / hen", "Rooster ∕ hen", 'a "quoted", name', "🐕 & <b>", "costs $5, 100% | *all*", "nobody")


def made(out: Path, names: tuple[str, ...] = NAMES, clips: int = 80, task: str = "multilabel", seed: int = 5) -> Any:
    """A report of random scores; nobody has the last class."""
    import keras
    import pandas

    from audiotag.evaluation.sections.noise import FalseAlarms
    from audiotag.metrics.bootstrap import Intervals
    from audiotag.report.report import Embeddings, Report, Subject

    random, classes = np.random.default_rng(seed), len(names)
    if task == "multiclass":
        targets = np.eye(classes)[random.integers(0, classes - 1, clips)].astype(np.uint8)
    else:
        share = np.append(random.uniform(0.05, 0.4, classes - 1) * min(1.0, 25 / classes), 0.0)
        targets = (random.random((clips, classes)) < share).astype(np.uint8)
        targets[np.arange(classes - 1), np.arange(classes - 1)] = 1
    skill = random.uniform(0.5, 6.0, classes)
    logits = random.normal(size=(clips, classes)) + skill * targets - 2.0
    scores = 1 / (1 + np.exp(-logits))
    if task == "multiclass":
        scores = np.exp(2 * logits) / np.exp(2 * logits).sum(axis=1, keepdims=True)
    ids = np.array([f"c{index}" for index in range(clips)])
    predictions = Predictions(ids, targets, scores, Labels(names), task)
    thresholds = np.full(classes, 0.5)
    table = per_class.per_class(predictions)
    means = per_class.summary(predictions, table)
    half = 0.6 / np.sqrt(table["positives"].clip(lower=2))
    bounds = {}
    for name in ("AP", "AUC", "F1"):
        bounds |= {
            f"{name}_low": (table[name] - half).clip(lower=0),
            f"{name}_high": (table[name] + half).clip(upper=1),
        }
    within = {name: (means[name] - 0.02, means[name] + 0.02) for name in ("mAP", "AUC", "F1")}
    intervals = Intervals(pandas.DataFrame(bounds), within, 0.95, 1000, "clip", clips)
    splits = [f"fold{1 + index % 3}" for index in range(clips)]
    vectors = targets @ random.normal(size=(classes, 16)) + random.normal(size=(clips, 16))
    heard = np.arange(0, clips, max(clips // 500, 1))
    inputs = keras.Input((64, 32, 1), name="log_mel")
    level = keras.layers.Conv2D(4, 3, activation="relu", name="block1_convolution")(inputs)
    level = keras.layers.BatchNormalization(name="block1_normalization")(level)
    level = keras.layers.GlobalAveragePooling2D(name="features")(level)
    network = keras.Model(inputs, keras.layers.Dense(classes, name="logits")(level))
    return Report(
        out=out,
        subject=Subject("esc-mn04", "run", out, {"architecture": "mn04", "parameters": "983,324"}, network),
        data_set={"name": "synthetic sounds", "licence": "CC0", "citation": "nobody, 2024"},
        split="fold1..3",
        command="audiotag evaluate runs/esc-mn04 --split fold1..3",
        predictions=predictions,
        clips=pandas.DataFrame({"clip_id": ids, "split": splits, "recording": ids, "labels": ""}),
        thresholds=thresholds,
        thresholds_from="0.5 for every class",
        calibration="temperature 1.83, fitted on fold1",
        table=table,
        summary=means,
        intervals=intervals,
        slices=pandas.DataFrame(
            {"column": ["split"] * 3, "value": sorted(set(splits)), "clips": [27, 27, 26], "mAP": [0.51, 0.53, 0.49]}
        ),
        folds=None,
        reliability=reliability(predictions),
        uncalibrated=reliability(Predictions(ids, targets, scores**0.6, predictions.labels, task)),
        noise=FalseAlarms(
            kinds=("silence", "white noise at -40 dBFS"),
            hours=np.full(2, 0.01),
            windows=np.full(2, 4),
            counts=random.integers(0, 3, (2, classes)),
            alarmed=np.array([1, 3]),
        ),
        mistakes=mistakes(predictions, thresholds, random),
        embeddings=Embeddings(heard, vectors[heard].astype(np.float32)),
        notes=("1 clip has a label that the model does not know: `a|b`",),
        hyperparameters={"model": "mn04", "learning_rate": 1e-3, "epochs": 80, "mixup": 0.3, "balance": True},
    )


def mistakes(predictions: Predictions, thresholds: np.ndarray, random: np.random.Generator) -> tuple[Any, ...]:
    """Three mistakes: with picture and sound, with a picture only, and with neither."""
    from audiotag.evaluation.sections.mistakes import Mistake

    names, found = predictions.labels.names, []
    for number, kind in enumerate(("false alarm", "miss", "miss")):
        row = predictions.scores[number]
        heard = tuple((names[index], float(row[index])) for index in np.argsort(-row)[:3])
        truth = tuple(name for name, held in zip(names, predictions.targets[number], strict=True) if held)
        tone = 1.2 * np.sin(np.arange(16_000) * (0.05 + 0.02 * number)).astype(np.float32)
        found.append(
            Mistake(
                clip_id=str(predictions.clip_ids[number]),
                kind=kind,
                index=number,
                label=names[number],
                score=float(row[number]),
                threshold=float(thresholds[number]),
                truth=truth,
                heard=heard,
                waveform=tone if number == 0 else None,
                sample_rate=16_000,
                log_mel=random.normal(size=(100, 32)).astype(np.float32) if number < 2 else None,
            )
        )
    return tuple(found)


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Any]:
    return made


@pytest.fixture(scope="session")
def tensorboard_server() -> Callable[..., Any]:
    return serving


@contextmanager
def serving(folder: Path) -> Iterator[Callable[..., Any]]:
    """Ask a TensorBoard that runs on a folder, in a process of its own, for JSON, or for bytes where it is none."""
    # Without TensorFlow, which these plugins do not need, TensorBoard is up in two seconds instead of nine.
    starter = "import sys; sys.modules['tensorflow'] = None; from tensorboard.main import run_main; run_main()"
    command = [sys.executable, "-c", starter, "--logdir", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if address := re.search(r"http://\S+:\d+/", line.partition("TensorBoard ")[2]):
                break
        else:
            pytest.fail(f"TensorBoard did not start: {said}")

        def ask(path: str, body: dict[str, Any] | None = None, /, **query: str) -> Any:
            url = f"{address[0]}data/plugin/{path}?{urllib.parse.urlencode(query)}"
            request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
            request.add_header("Content-Type", "application/json")
            with urllib.request.urlopen(request, timeout=20) as answer:
                content = answer.read()
                return json.loads(content) if "json" in answer.headers["Content-Type"] else content

        ask.address = address[0]
        asked = range(20_000)
        assert any(ask("images/tags") for _ in asked), "TensorBoard found no data"
        yield ask
    finally:
        process.terminate()
        process.communicate(timeout=20)
