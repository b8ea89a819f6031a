"""What an evaluation found: what the terminal, TensorBoard, `report.html` and the tables show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from audiotag.metrics.bootstrap import Intervals
from audiotag.metrics.predictions import Predictions
from audiotag.report.section import Section

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Subject:
    """What was evaluated.

    Args:
        name, kind, path, about, network: as of a scorer or a table of scores; of several runs the kind is "runs".
    """

    name: str
    kind: str
    path: Path
    about: dict[str, str] = field(default_factory=dict)
    network: keras.Model | None = None


@dataclass(frozen=True)
class Report:
    """What an evaluation found: every class, the means, and sections.

    Args:
        out: folder of everything written: `report.html`, `metrics.csv`, `metrics.json`, `predictions.npz`,
            `model_card.md`, `evaluation/` (TensorBoard).
        subject: what was evaluated.
        data_set: facts about the data set in the order of showing; "name" first, "licence" and "citation" among them.
        split: expression of the splits evaluated.
        command: the command that repeats this evaluation.
        predictions: truth and scores (calibrated, where there is a calibration) of every clip, and the thresholds.
        clips: a row a clip in the order of the predictions: clip_id, recording, split, labels, and further columns of
            `clips.csv`.
        thresholds_from: where the thresholds come from, for people: "0.5 for every class", "best F1 on fold1".
        calibration: what was done to the scores, for people: "none", "temperature 1.83, fitted on validation".
        table: a row a class, see `metrics.per_class`.
        summary: means and the classes left out, see `metrics.summary`.
        intervals: bootstrap intervals of both; None where none were asked for.
        sections: by name, in the order of showing; None where a section has nothing to measure.
        embeddings: rows (points,) int64 of some clips in the predictions, and what the network makes of these clips
            before its last layer, (points, dim) float32; None where there is no network that takes the records.
        notes: what the reader must know: clips or classes left out, labels that did not match, assumptions.
        hyperparameters: of the training, ready for TensorBoard's HParams: name to number, text or bool.
    """

    out: Path
    subject: Subject
    data_set: dict[str, str]
    split: str
    command: str
    predictions: Predictions
    clips: pandas.DataFrame
    thresholds_from: str
    calibration: str
    table: pandas.DataFrame
    summary: dict[str, Any]
    intervals: Intervals | None = None
    sections: dict[str, Section | None] = field(default_factory=dict)
    embeddings: tuple[np.ndarray, np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    hyperparameters: dict[str, float | str | bool] = field(default_factory=dict)

    def with_intervals(self) -> pandas.DataFrame:
        """The table of classes, each metric followed by the ends of its interval where there is one."""
        if self.intervals is None:
            return self.table
        joined = self.table.join(self.intervals.classes)
        columns = [f"{name}{end}" for name in self.table.columns for end in ("", "_low", "_high")]
        return joined[[name for name in columns if name in joined]]

    def shown(self) -> Iterator[tuple[str, Section]]:
        """Names and sections that there is something to see of."""
        for name, section in self.sections.items():
            if section is not None and section.is_shown:
                yield name, section

    @property
    def conclusions(self) -> list[str]:
        """What a user should conclude, section by section."""
        return [line for section in self.sections.values() if section is not None for line in section.conclusions]
