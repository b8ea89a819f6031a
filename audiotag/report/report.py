"""What an evaluation found: everything that the terminal, TensorBoard, `report.html` and the tables show."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    import pandas

    from audiotag.evaluation.sections.mistakes import Mistake
    from audiotag.evaluation.sections.noise import FalseAlarms
    from audiotag.evaluation.sections.sound_events import SoundEvents
    from audiotag.metrics.bootstrap import Intervals
    from audiotag.metrics.predictions import Predictions
    from audiotag.metrics.reliability import Reliability


@dataclass(frozen=True)
class Subject:
    """What was evaluated.

    Args:
        name: short name: of the run folder, of the file without its suffix.
        kind: "run", "Keras model", "LiteRT model", "ONNX model", "SavedModel", "table of scores" or "runs" (several).
        path: where it lies.
        about: further facts for people, in the order of showing: {"architecture": "mn04", "parameters": "983,324", …}.
        network: log-mel to logits, where there is one: its graph is shown.
    """

    name: str
    kind: str
    path: Path
    about: dict[str, str] = field(default_factory=dict)
    network: keras.Model | None = None


@dataclass(frozen=True)
class Embeddings:
    """What a network hears in some clips, before its last layer.

    Args:
        rows: (points,) int64, which rows of the predictions these clips are.
        vectors: (points, dim) float32.
    """

    rows: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Args:
        out: folder of everything written: `report.html`, `metrics.csv`, `metrics.json`, `predictions.npz`,
            `model_card.md`, `evaluation/` (TensorBoard).
        subject: what was evaluated.
        data_set: facts about the data set in the order of showing; "name" first, "licence" and "citation" among them.
        split: expression of the splits evaluated.
        command: the command that repeats this evaluation.
        predictions: truth and scores (calibrated, where there is a calibration) of every clip.
        clips: a row a clip in the order of the predictions: clip_id, recording, split, labels, and further columns of
            `clips.csv`.
        thresholds: (classes,) float64, score from which a class counts as found (multilabel).
        thresholds_from: where they come from, for people: "0.5 for every class", "best F1 on fold1".
        calibration: what was done to the scores, for people: "none", "temperature 1.83, fitted on validation".
        table: a row a class, see `metrics.per_class`.
        summary: means and the classes left out, see `metrics.summary`.
        intervals: bootstrap intervals of both; None where none were asked for.
        slices: metrics of parts of the clips, see `slices.slices`; empty where there is none.
        folds: metrics of every fold, then mean and standard deviation, see `slices.folds`; None: not several folds.
        reliability: how far scores are probabilities.
        uncalibrated: the same before calibration; None where there is no calibration.
        noise: false alarms on noise and silence; None where there is no model to listen.
        sound_events: onsets and offsets against strong labels; None where the data or the network has none.
        mistakes: the worst false alarms and misses, worst first.
        embeddings: of some clips; None where there is no network that hears the records.
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
    thresholds: np.ndarray
    thresholds_from: str
    calibration: str
    table: pandas.DataFrame
    summary: dict[str, Any]
    intervals: Intervals | None
    slices: pandas.DataFrame
    folds: pandas.DataFrame | None
    reliability: Reliability
    uncalibrated: Reliability | None = None
    noise: FalseAlarms | None = None
    sound_events: SoundEvents | None = None
    mistakes: tuple[Mistake, ...] = ()
    embeddings: Embeddings | None = None
    notes: tuple[str, ...] = ()
    hyperparameters: dict[str, float | str | bool] = field(default_factory=dict)
