"""Reports of made-up predictions, with everything that a page, a card, TensorBoard and the tables can show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from audiotag.evaluation import event_scores
from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections import confusion, curves, folds, noise, reliability, slices, sound_events
from audiotag.labels import Labels
from audiotag.metrics import bootstrap, per_class
from audiotag.metrics.predictions import Predictions
from audiotag.report.report import Report, Subject
from audiotag.report.section import Exhibit, Section, Table

NAMES = ("dog", "rain", "sea waves", "crying baby", "clock tick", "sneeze", "helicopter", "chainsaw", "rooster", "bell")


def exhibit(index: int, name: str, random: np.random.Generator, seconds: float = 1.0, **changes: Any) -> Exhibit:
    """A tone in noise, and the picture of it."""
    rate = 32000
    time = np.arange(int(seconds * rate)) / rate
    waveform = 0.3 * np.sin(2 * np.pi * (200 + 300 * index) * time) + 0.02 * random.standard_normal(len(time))
    log_mel = random.normal(-1, 0.3, (int(100 * seconds), 128))
    log_mel[:, 8 + 9 * (index % 10) : 12 + 9 * (index % 10)] += 3
    values = {
        "clip_id": f"recordings/2024-06-{index:02d}.wav#3",
        "kind": "false alarm" if index % 2 else "miss",
        "label": name,
        "text": f"Scored 0.930, threshold 0.500. Truth: {name}.",
        "scores": ((name, 0.93), (NAMES[3], 0.31), (NAMES[4], 0.02)),
        "waveform": waveform.astype(np.float32),
        "sample_rate": rate,
        "log_mel": log_mel.astype(np.float32),
    }
    return Exhibit(**values | changes)


def predict(names: tuple[str, ...], task: str, clips: int, seed: int, silent: slice | None = None) -> Predictions:
    """Random scores that are right more often than not; of the classes `silent` there is no clip."""
    random, classes = np.random.default_rng(seed), len(names)
    if task == "multiclass":
        truth = np.eye(classes, dtype=bool)[random.integers(0, classes, clips)]
        logits = random.normal(size=(clips, classes)) + 2.2 * truth
        scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    else:
        truth = random.random((clips, classes)) < np.geomspace(0.3, 0.02, classes)
        truth[:, silent or slice(0)] = False
        scores = 1 / (1 + np.exp(-(random.normal(-2.2, 1.2, (clips, classes)) + 3.2 * truth)))
    ids = np.array([f"clip {index}" for index in range(clips)])
    thresholds = np.full(classes, 0.5)
    return Predictions(ids, truth.astype(np.uint8), scores, Labels(names), task, thresholds=thresholds)


def build(
    out: Path,
    names: tuple[str, ...] = NAMES,
    task: str = "multilabel",
    clips: int = 120,
    mistakes: int = 0,
    whole: bool = False,
    resamples: int = 20,
    seed: int = 0,
    predictions: Predictions | None = None,
    silent: slice | None = None,
    **changes: Any,
) -> Report:
    """A report of random scores; `whole`: with noise, folds, events, notes, a network and its embeddings."""
    predictions = predict(names, task, clips, seed, silent) if predictions is None else predictions
    random, clips, ids = np.random.default_rng(seed), len(predictions.clip_ids), predictions.clip_ids
    recordings = [f"r{index // 4}" for index in range(clips)]
    sites = np.array(["forest", "shore", "street"])[np.arange(clips) % 3]
    about = pandas.DataFrame({"clip_id": ids, "recording": recordings, "site": sites})
    table = per_class.per_class(predictions)
    summary = per_class.summary(predictions, table)
    uncalibrated = None
    if whole:
        sharper = np.clip(predictions.scores, 1e-6, 1 - 1e-6) ** 1.5
        uncalibrated = Predictions(ids, predictions.targets, sharper, predictions.labels, predictions.task)
    calibration = "temperature 1.83, fitted on validation of esc10, 80 clips" if whole else "none"
    evaluation = Evaluation((), predictions, uncalibrated, about, table, summary, calibration, columns=["site"])
    exhibits = tuple(exhibit(index, names[index % len(names)], random) for index in range(mistakes))
    sections: dict[str, Section | None] = {
        "reliability": reliability.measure(evaluation),
        "curves": curves.measure(evaluation),
        "confusion": confusion.measure(evaluation),
        "mistakes": Section("Worst mistakes", exhibits=exhibits, values={"mistakes": []}),
        "noise": None,
        "folds": None,
        "slices": slices.measure(evaluation),
        "sound_events": None,
    }
    values: dict[str, Any] = {
        "out": out,
        "subject": Subject("esc10-mn04", "run", Path("runs/esc10-mn04"), {"network": "mn04", "parameters": "983,324"}),
        "data_set": {"name": "esc10", "licence": "CC BY 3.0", "citation": "K. J. Piczak, ACM Multimedia 2015"},
        "split": "test",
        "command": "audiotag evaluate runs/esc10-mn04 --data data/esc10 --split test",
        "predictions": predictions,
        "clips": about,
        "thresholds_from": "0.5 for every class",
        "calibration": calibration,
        "table": table,
        "summary": summary,
        "sections": sections,
    }
    if resamples:
        values["intervals"] = bootstrap.bootstrap(predictions, resamples=resamples)
    if whole:
        sections |= _extras(predictions, random)
        rows = np.arange(0, clips, 2)
        values |= {
            "embeddings": (rows, random.normal(size=(len(rows), 8)).astype(np.float32)),
            "notes": ("3 clips of the table are not in the data set and were left out.",),
            "hyperparameters": {"model": "mn04", "learning_rate": 1e-3, "epochs": 30, "mixup": True},
        }
    sections |= changes.pop("sections", {})
    return Report(**values | changes)


def _extras(predictions: Predictions, random: np.random.Generator) -> dict[str, Section]:
    names, clips = predictions.labels.names, len(predictions.clip_ids)
    classes = len(names)
    table = folds.folds(predictions, np.array([f"fold{1 + index % 5}" for index in range(clips)]))
    kinds = ("silence", "white noise at -60 dBFS", "pink noise at -40 dBFS", "brown noise at -20 dBFS")
    counts = random.integers(0, 3, (len(kinds), classes)) * (random.random((len(kinds), classes)) < 0.3)
    alarms = noise.FalseAlarms(kinds, np.full(4, 0.1), np.full(4, 36), counts, np.minimum(counts.sum(1), 36))
    columns = ["segment_F1", "segment_precision", "segment_recall", "event_F1", "event_precision", "event_recall"]
    events = pandas.DataFrame(random.random((classes, 8)).round(3), columns=[*columns, "PSDS1", "PSDS2"])
    events.insert(0, "class", names)
    events.insert(1, "events", random.integers(0, 50, classes))
    found = {"macro_segment_F1": 0.71, "micro_segment_F1": 0.74, "PSDS1": 0.42, "PSDS2": 0.63}
    result = event_scores.SoundEvents(events, found, (), {"threshold": "0.5", "collar": "0.2 s"}, 300)
    return {
        "folds": Section("Folds", tables=(Table.of(table),), values={"folds": table}),
        "noise": noise.section(alarms, names),
        "sound_events": sound_events.section(result),
    }


@pytest.fixture
def make_report(tmp_path: Path) -> Callable[..., Report]:
    def make(*arguments: Any, **options: Any) -> Report:
        return build(options.pop("out", tmp_path), *arguments, **options)

    return make


@pytest.fixture(scope="session")
def built() -> Callable[..., Report]:
    """`build`, for reports that several tests share."""
    return build


@pytest.fixture(scope="session")
def made_exhibit() -> Callable[..., Exhibit]:
    return exhibit
