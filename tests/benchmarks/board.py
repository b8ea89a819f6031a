"""What TensorBoard costs at AudioSet's size: an epoch of the callback, and a whole evaluation.

    python tests/benchmarks/board.py [clips] [classes]

Default: 20 000 clips, 527 classes, 2 % of the pairs positive. Prints seconds by the clock and of processor time: of the
metrics, of writing them as an epoch's scalars (what the callback adds), of `board.write` and of its parts alone; and
the size of what was written.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas

from audiotag import models
from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections import confusion, curves, reliability
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions
from audiotag.report import card
from audiotag.report.report import Report, Subject
from audiotag.report.section import Exhibit, Section
from audiotag.report.tensorboard import board, pictures, png, projector
from audiotag.tensorboard.events import EventFile
from audiotag.tensorboard.scalars import add_scalars

MISTAKES, SECONDS, RATE, POINTS = 12, 10, 32_000, 2000


def main(clips: int = 20_000, classes: int = 527) -> None:
    """Measure and print."""
    random = np.random.default_rng(0)
    targets = (random.random((clips, classes)) < 0.02).astype(np.uint8)
    scores = 1 / (1 + np.exp(2.5 - random.normal(size=targets.shape) - 3.0 * targets))
    labels = Labels(tuple(f"class {index}" for index in range(classes)))
    ids, thresholds = np.array([f"clip {row}" for row in range(clips)]), np.full(classes, 0.5)
    predictions = Predictions(ids, targets, scores, labels, "multilabel", thresholds=thresholds)
    table = measured("per-class metrics", per_class.per_class, predictions)
    means = measured("their means", per_class.summary, predictions, table)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with EventFile(folder / "validation") as file:
            for epoch in range(3):
                measured(f"  scalars of epoch {epoch}", written, file, table, means, epoch)
        print(f"  {file.path.stat().st_size / 3e6:.2f} MB an epoch")
        report = made(folder, predictions, table, means)
        measured("board.write", board.write, report)
        measured("  again", board.write, report)
        for path in sorted((folder / board.FOLDER).iterdir()):
            print(f"  {path.name[:24]:26s} {path.stat().st_size / 1e6:6.2f} MB")
        alone(report, folder)


def alone(report: Report, folder: Path) -> None:
    """Measure the parts of `board.write` one by one."""
    for name, draw in pictures.PICTURES.items():
        measured(f"  {name}", draw, report)
    for _, section in report.shown():
        for chart in section.figures:
            measured(f"  {chart.name}", png.draw, chart)
    measured("  text", card.render, report, False)
    measured("  projector", projector.write, folder, report)
    with EventFile(folder / "parts") as file:
        exhibits = report.sections["mistakes"]
        measured(f"  {MISTAKES} mistakes", board.add_section, file, "mistakes", exhibits, 0)


def made(folder: Path, predictions: Predictions, table: pandas.DataFrame, means: dict[str, Any]) -> Report:
    """A report with mistakes, embeddings and a network."""
    random, clips = np.random.default_rng(1), pandas.DataFrame({"clip_id": predictions.clip_ids})
    exhibit = Exhibit(
        clip_id="clip",
        kind="false alarm",
        label="class 0",
        text="Scored 0.900, threshold 0.500. Truth: class 1.",
        scores=(("class 0", 0.9), ("class 1", 0.2)),
        waveform=random.normal(scale=0.1, size=SECONDS * RATE).astype(np.float32),
        sample_rate=RATE,
        log_mel=random.normal(size=(1000, 128)).astype(np.float32),
    )
    evaluation = Evaluation((), predictions, None, clips, table, means, "none")
    sections = {module.__name__: module.measure(evaluation) for module in (reliability, curves, confusion)}
    rows = np.linspace(0, len(predictions.targets) - 1, POINTS).astype(int)
    return Report(
        out=folder,
        subject=Subject("made", "run", folder, network=models.build("mn04", classes=len(predictions.labels))),
        data_set={"name": "made"},
        split="test",
        command="",
        predictions=predictions,
        clips=clips,
        thresholds_from="0.5 for every class",
        calibration="none",
        table=table,
        summary=means,
        sections=sections | {"mistakes": Section("Worst mistakes", exhibits=(exhibit,) * MISTAKES)},
        embeddings=(rows, random.normal(size=(POINTS, 600)).astype(np.float32)),
        hyperparameters={"model": "mn04"},
    )


def written(file: EventFile, table: pandas.DataFrame, means: dict[str, Any], epoch: int) -> None:
    """What the callback does beyond the metrics."""
    add_scalars(file, table, means, epoch)
    file.flush()


def measured(name: str, run: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run and print how long it took."""
    clock, processor = time.perf_counter(), time.process_time()
    result = run(*arguments, **options)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    print(f"{name:28s} {clock:6.2f} s by the clock, {processor:6.2f} s of processor time")
    return result


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
