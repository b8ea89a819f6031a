"""Reports of made-up predictions, with everything that a page, a card and the files of figures can show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from audiotag.evaluation.sections import slices
from audiotag.evaluation.sections.mistakes import Mistake
from audiotag.evaluation.sections.noise import FalseAlarms
from audiotag.evaluation.sections.sound_events import SoundEvents
from audiotag.labels import Labels
from audiotag.metrics import bootstrap, per_class
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.reliability import reliability
from audiotag.report.report import Report, Subject

NAMES = ("dog", "rain", "sea waves", "crying baby", "clock tick", "sneeze", "helicopter", "chainsaw", "rooster", "bell")


def mistake(index: int, name: str, random: np.random.Generator, seconds: float = 1.0) -> Mistake:
    """A tone in noise, and the picture of it."""
    rate = 32000
    time = np.arange(int(seconds * rate)) / rate
    waveform = 0.3 * np.sin(2 * np.pi * (200 + 300 * index) * time) + 0.02 * random.standard_normal(len(time))
    log_mel = random.normal(-1, 0.3, (int(100 * seconds), 128))
    log_mel[:, 8 + 9 * (index % 10) : 12 + 9 * (index % 10)] += 3
    return Mistake(
        clip_id=f"recordings/2024-06-{index:02d}.wav#3",
        kind="false alarm" if index % 2 else "miss",
        index=index,
        label=name,
        score=0.93 if index % 2 else 0.04,
        threshold=0.5,
        truth=(NAMES[3],) if index % 2 else (name,),
        heard=((name, 0.93), (NAMES[3], 0.31), (NAMES[4], 0.02)),
        waveform=waveform.astype(np.float32),
        sample_rate=rate,
        log_mel=log_mel.astype(np.float32),
    )


def build(
    out: Path,
    names: tuple[str, ...] = NAMES,
    task: str = "multilabel",
    clips: int = 120,
    mistakes: int = 0,
    whole: bool = False,
    resamples: int = 20,
    seed: int = 0,
    **changes: Any,
) -> Report:
    """A report of random scores that are right more often than not; `whole`: with noise, folds, events and notes."""
    random = np.random.default_rng(seed)
    classes = len(names)
    if task == "multiclass":
        truth = np.eye(classes, dtype=bool)[random.integers(0, classes, clips)]
        logits = random.normal(size=(clips, classes)) + 2.2 * truth
        scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    else:
        truth = random.random((clips, classes)) < np.geomspace(0.3, 0.02, classes)
        scores = 1 / (1 + np.exp(-(random.normal(-2.2, 1.2, (clips, classes)) + 3.2 * truth)))
    ids = np.array([f"clip {index}" for index in range(clips)])
    found = Predictions(ids, truth.astype(np.uint8), scores, Labels(names), task)
    table = per_class.per_class(found)
    site = np.array(["forest", "shore", "street"])[np.arange(clips) % 3]
    fold = np.array([f"fold{1 + index % 5}" for index in range(clips)])
    about = pandas.DataFrame({"clip_id": ids, "recording": [f"r{i // 4}" for i in range(clips)], "site": site})
    values: dict[str, Any] = {
        "out": out,
        "subject": Subject("esc10-mn04", "run", Path("runs/esc10-mn04"), {"network": "mn04", "parameters": "983,324"}),
        "data_set": {"name": "esc10", "licence": "CC BY 3.0", "citation": "K. J. Piczak, ACM Multimedia 2015"},
        "split": "test",
        "command": "audiotag evaluate runs/esc10-mn04 --data data/esc10 --split test",
        "predictions": found,
        "clips": about,
        "thresholds": found.limits,
        "thresholds_from": "0.5 for every class",
        "calibration": "none",
        "table": table,
        "summary": per_class.summary(found, table),
        "intervals": bootstrap.bootstrap(found, resamples=resamples) if resamples else None,
        "slices": slices.slices(found, about, ["site"]),
        "folds": slices.folds(found, fold) if whole else None,
        "reliability": reliability(found),
        "mistakes": tuple(mistake(index, names[index % classes], random) for index in range(mistakes)),
    }
    if whole:
        values |= _extras(found, random)
    return Report(**values | changes)


def _extras(found: Predictions, random: np.random.Generator) -> dict[str, Any]:
    classes = len(found.labels)
    kinds = ("silence", "white noise at -60 dBFS", "pink noise at -40 dBFS", "brown noise at -20 dBFS")
    counts = random.integers(0, 3, (len(kinds), classes)) * (random.random((len(kinds), classes)) < 0.3)
    sharper = np.clip(found.scores, 1e-6, 1 - 1e-6) ** 1.5
    uncalibrated = Predictions(found.clip_ids, found.targets, sharper, found.labels, found.task)
    figures = random.random((classes, 8)).round(3)
    columns = ["segment_F1", "segment_precision", "segment_recall", "event_F1", "event_precision", "event_recall"]
    events = pandas.DataFrame(figures, columns=[*columns, "PSDS1", "PSDS2"])
    events.insert(0, "class", found.labels.names)
    events.insert(1, "events", random.integers(0, 50, classes))
    return {
        "noise": FalseAlarms(kinds, np.full(4, 0.1), np.full(4, 36), counts, np.minimum(counts.sum(1), 36)),
        "calibration": "temperature 1.83, fitted on validation of esc10, 80 clips",
        "uncalibrated": reliability(uncalibrated),
        "notes": ("3 clips of the table are not in the data set and were left out.",),
        "hyperparameters": {"model": "mn04", "learning_rate": 1e-3, "epochs": 30, "mixup": True},
        "sound_events": SoundEvents(
            events,
            {"macro_segment_F1": 0.71, "micro_segment_F1": 0.74, "PSDS1": 0.42, "PSDS2": 0.63},
            (),
            {"threshold": "0.5", "collar": "0.2 s", "PSDS1": "dtc 0.7, gtc 0.7, alpha_ct 0, alpha_st 1, max_efpr 100"},
            300,
        ),
    }


@pytest.fixture
def make_report(tmp_path: Path) -> Callable[..., Report]:
    def make(*arguments: Any, **options: Any) -> Report:
        return build(tmp_path, *arguments, **options)

    return make
