"""What is printed of a report."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from rich.console import Console

from audiotag.evaluation.sections.noise import FalseAlarms
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.bootstrap import bootstrap
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.reliability import reliability
from audiotag.report import Report, show
from audiotag.report.report import Subject

ODD = ("Rooster / hen", '[red]"a", b', ":dog: 🐕")


def made(out: Path, names: tuple[str, ...], task: str = "multilabel", silent: slice | None = None, **changes) -> Report:
    random = np.random.default_rng(2)
    classes = len(names)
    targets = (random.random((200, classes)) < random.uniform(0.05, 0.4, classes)).astype(np.uint8)
    if task == "multiclass":
        targets = np.eye(classes, dtype=np.uint8)[np.arange(200) % classes]
    if silent is not None:
        targets[:, silent] = 0
    scores = 0.7 * random.random(targets.shape) + 0.3 * targets
    found = Predictions(np.arange(200).astype(str), targets, scores, Labels(names), task)
    table = per_class.per_class(found)
    parts = {
        "out": out,
        "subject": Subject("mine", "run", out),
        "data_set": {"name": "many"},
        "split": "test",
        "command": "audiotag evaluate mine",
        "predictions": found,
        "clips": pandas.DataFrame({"clip_id": found.clip_ids}),
        "thresholds": np.full(classes, 0.5),
        "thresholds_from": "0.5 for every class",
        "calibration": "none",
        "table": table,
        "summary": per_class.summary(found, table),
        "intervals": None,
        "slices": pandas.DataFrame(),
        "folds": None,
        "reliability": reliability(found),
    }
    return Report(**parts | changes)


def printed(report: Report, width: int = 80) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=width))
    return stream.getvalue()


def test_every_class_stands_there_as_it_is_written_in_label_order(tmp_path) -> None:
    text = printed(made(tmp_path, ODD))
    places = [text.index(name) for name in ODD]
    assert places == sorted(places)
    assert "mean of classes" in text and "all clips together" in text
    assert text.splitlines()[-1].replace("\n", "") == f"tensorboard --logdir {tmp_path}"


def test_intervals_stand_beside_the_average_precision_and_fit_eighty_columns(tmp_path) -> None:
    report = made(tmp_path / "x", ODD)
    found = bootstrap(report.predictions, resamples=100)
    text = printed(made(tmp_path / "x", ODD, intervals=found))
    low, high = found.classes.loc[1, ["AP_low", "AP_high"]]
    assert f"{low:.2f}–{high:.2f}" in text and "95 %" in text
    assert "100 resamples of 200 clips" in text
    assert max(map(len, text.splitlines()[:-2])) <= 80


def test_where_there_are_too_few_clips_for_intervals_the_reason_is_printed(tmp_path) -> None:
    report = made(tmp_path, ODD, "multiclass")
    paired = replace(report.predictions, recordings=np.repeat(["one", "two"], 100))
    text = printed(made(tmp_path, ODD, "multiclass", intervals=bootstrap(paired, resamples=10)))
    assert "no intervals: 2 recordings: intervals need at least 5 to draw from" in text
    assert "()" not in text


def test_classes_without_positives_are_named_beneath_the_table(tmp_path) -> None:
    names = tuple(f"sound{index:03}" for index in range(10))
    text = printed(made(tmp_path / "it's a run", names, silent=slice(None, None, 7)))
    assert "2 of 10 classes without positives, left out of the means: sound000, sound007" in text
    assert next(line.split() for line in text.splitlines() if "sound007" in line) == ["sound007", "0", *"—————"]
    assert "'\"'\"'" in text.splitlines()[-1]


def test_of_many_classes_the_best_the_worst_and_the_rarest_are_printed(tmp_path) -> None:
    report = made(tmp_path, tuple(f"sound{index:03}" for index in range(120)), silent=slice(None, None, 7))
    lines = printed(report).splitlines()
    judged = report.table[report.table["positives"] > 0].sort_values("AP", ascending=False)
    start = {
        title: lines.index(next(line for line in lines if line.strip() == f"15 {title}"))
        for title in ("best", "worst", "rarest")
    }
    shown = {title: [line.split()[0] for line in lines[at + 1 : at + 16]] for title, at in start.items()}
    assert shown["best"] == judged["class"].tolist()[:15]
    assert shown["worst"] == judged["class"].tolist()[-15:]
    counts = report.table.set_index("class")["positives"]
    assert [counts[name] for name in shown["rarest"]] == sorted(counts[counts > 0])[:15]
    assert any("every class:" in line and "metrics.csv" in line for line in lines)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_lines_beneath_say_what_the_task_needs(tmp_path, task) -> None:
    text = printed(made(tmp_path, ODD, task))
    assert ("accuracy 0." in text) == (task == "multiclass")
    assert ("thresholds of F1" in text) == (task == "multilabel")


def test_noise_is_told_by_its_loudest_classes(tmp_path) -> None:
    counts = np.array([[0, 5, 0], [0, 4, 1]])
    alarms = FalseAlarms(("silence", "hiss"), np.array([0.1, 0.1]), np.array([6, 6]), counts, np.array([5, 4]))
    text = " ".join(printed(made(tmp_path, ("a", "b", "c"), noise=alarms)).split())
    assert "something is found in 9 of 12 windows, most often b (9), c (1)" in text
