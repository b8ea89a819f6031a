"""`predict`: the scores of a subject for every clip of a split, beside the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.labels import Labels, join_cell
from audiotag.metrics.predictions import Predictions
from audiotag.records import Data, Declaration, clips
from audiotag.records.clips import check_complete
from audiotag.scorers import truth, vocabulary
from audiotag.scorers.reading import Reading
from audiotag.scorers.scorer import Scorer
from audiotag.scorers.tables import ScoreTable
from audiotag.scorers.truth import Truth
from audiotag.scorers.vocabulary import Matching
from audiotag.task import Task


@dataclass(frozen=True)
class Predicted:
    """What a subject said about a split.

    Args:
        predictions: truth and scores, calibrated where the subject has a calibration.
        clips: a row a clip in their order; see `records.clips.clips`.
        notes: what the reader must know: classes and clips left out, what was assumed.
        uncalibrated: the same before the calibration; None where there is none.
        positions: (classes,) int64, which of the subject's classes stands for each class of the predictions; the first
            of several.
        subject: the scorer or the table.
    """

    predictions: Predictions
    clips: pandas.DataFrame
    notes: tuple[str, ...]
    uncalibrated: Predictions | None
    positions: np.ndarray
    subject: Scorer | ScoreTable


def predict(
    subject: Scorer | ScoreTable,
    data: Data | None = None,
    split: str | None = None,
    *,
    batch_size: int = 32,
    source: Declaration | Path | None = None,
    labels_table: Path | str | None = None,
) -> Predicted:
    """Scores of every clip of a split.

    Args:
        subject: what `scorers.open` gave.
        data: an open data set. A table of scores needs none where there is another truth.
        split: expression of its splits: "test", "fold5", "fold1..4".
        batch_size: clips at a time.
        source: root folder of the recordings, or the declaration, for a model that takes what the records do not hold.
        labels_table: table of the truth instead of the data set's labels, for a table of scores; see `truth.of_table`.

    Returns:
        The predictions, the clips and what must be known about them.

    Raises:
        AudiotagError: no common class or clip; scores that are missing, not finite or out of range; a model that needs
            waveforms where there are none.
    """
    if isinstance(subject, ScoreTable):
        return _predict_table(subject, data, split, None if labels_table is None else Path(labels_table))
    if data is None or split is None:
        raise AudiotagError(f"{subject.name} is a model: name the data set and the split that it is to hear")
    if labels_table is not None:
        raise AudiotagError(f"a table of labels is for a table of scores, {subject.name} is a model: leave it out")
    matching = vocabulary.match(subject.name, subject.labels, data.labels, data.name)
    reading, outputs, clip_ids = Reading(subject, data, source), [], []
    with progress.bar(f"Predicting {data.name} {split}", data.count(split, variants=0), "clips") as advance:
        for batch, raw in reading.outputs(batch_size, split):
            outputs.append(raw)
            clip_ids += batch["clip_id"]
            advance(len(raw))
    check_complete(clip_ids, data, split)
    notes = [*subject.notes, *reading.notes]
    if subject.task != data.task:
        notes.append(
            f"{subject.name} is {subject.task}, {data.name} is {data.task}: its scores are judged as {data.task}"
        )
    right = truth.of_data(data, split)
    right = right.take(right.rows_of(clip_ids))
    return _finish(subject, right, subject.uncalibrated(np.concatenate(outputs)), matching, notes, data)


def _predict_table(table: ScoreTable, data: Data | None, split: str | None, path: Path | None) -> Predicted:
    notes: list[str] = []
    if data is not None and split is None:
        raise AudiotagError(f"name the split of {data.name} that {table.path} scores")
    if path is not None:
        right = truth.of_table(path, table.labels if data is None else data.labels)
        if data is None:
            notes.append(f"the task is taken for {right.task}, by the labels of {path}")
        else:
            right = replace(truth.restricted(right, data, split), task=data.task)
            if left_out := data.count(split, variants=0) - len(right.clip_ids):
                notes.append(f"{left_out} clips of {data.name} {split} have no row in {path} and are left out")
    elif data is not None:
        right = truth.of_data(data, split)
    elif table.predictions is not None:
        known = table.predictions
        parts = (known.clip_ids, known.targets, known.labels, known.task, known.known)
        right = Truth(*parts, str(table.path), str(table.path), known.recordings)
    else:
        raise AudiotagError(
            f"{table.path} holds scores and no truth: name a data set with --data and --split, or a table of labels"
        )
    matching = vocabulary.match(table.name, table.labels, right.labels, right.vocabulary)
    rows, ignored = _rows_of(table, right)
    scores, task = table.scores[rows], Task(right.task)
    if table.outputs == "logits":
        notes.append(f"{table.name} holds logits: scores by {task.activation}")
        scores = task.probabilities(scores)
    return _finish(table, right, scores, matching, notes + ignored, data)


def _rows_of(table: ScoreTable, right: Truth) -> tuple[list[int], list[str]]:
    """The table's row of each clip, matched by id, else by file name without its suffix; and what to tell."""
    clip_ids, row_of = right.clip_ids.tolist(), {key: row for row, key in enumerate(table.keys)}
    counts, by_stem = Counter(map(_stem, clip_ids)), defaultdict(list)
    for key in row_of.keys() - set(clip_ids):
        by_stem[_stem(key)].append(key)
    rows, missing = [], []
    for clip_id in clip_ids:
        near = by_stem[_stem(clip_id)] if counts[_stem(clip_id)] == 1 else []
        if clip_id in row_of:
            near = [clip_id]
        elif len(near) > 1:
            first, second = sorted(near, key=row_of.get)[:2]
            raise AudiotagError(
                f"a clip has one row, {clip_id!r} has {first!r} and {second!r} in {table.path}: leave one of them out"
            )
        rows += [row_of[key] for key in near]
        missing += [] if near else [clip_id]
    if missing:
        some = f"not all ({len(missing)} are missing)" if rows else "none"
        raise AudiotagError(
            f"a table of scores has a row for every clip, {table.path} has {some} of the {len(clip_ids)} of "
            f"{right.owner}, {missing[0]!r} is missing for one: a missing score is no zero; score these clips too"
        )
    unknown = len(table.keys) - len(rows)
    return rows, [f"{unknown} rows of {table.name} are of clips not in {right.owner} and ignored"] if unknown else []


def _stem(key: str) -> str:
    """File name of a path, without the suffix of a sound file."""
    path = PurePosixPath(key.replace("\\", "/"))
    return path.stem if path.suffix.lower() in audio.SUFFIXES else path.name


def _finish(
    subject: Scorer | ScoreTable,
    right: Truth,
    scores: np.ndarray,
    matching: Matching,
    notes: list[str],
    data: Data | None,
) -> Predicted:
    """Predictions of the classes that both know; of a multiclass truth, of the clips whose class is one of them."""
    notes = notes + matching.notes(subject.name, right.labels, right.vocabulary)
    if right.known is not None and not right.known.any(axis=1).all():
        rows = np.flatnonzero(right.known.any(axis=1))
        notes.append(f"{len(scores) - len(rows)} of {len(scores)} clips of {right.owner} are unlabelled and left out")
        if not len(rows):
            raise AudiotagError(f"the clips of {right.owner} are unlabelled: choose a split whose clips are labelled")
        right, scores = right.take(rows), scores[rows]
    if Task(right.task).exclusive:
        right = replace(right, known=None)
    kept, clips_scored = np.flatnonzero(matching.known), len(scores)
    if Task(right.task).exclusive and len(kept) < len(right.labels):
        rows = np.flatnonzero(right.targets[:, kept].any(axis=1))
        notes.append(f"{clips_scored - len(rows)} of {clips_scored} clips have a class that is left out, and are too")
        if not len(rows):
            raise AudiotagError(f"no clip of {right.owner} has a class that {subject.name} knows: choose another split")
        right, scores = right.take(rows), scores[rows]
    labels = Labels(*(tuple(texts[index] for index in kept) for texts in (right.labels.names, right.labels.ids)))
    table = _clips(right, data)
    stated = data is not None or right.recordings is not None
    uncalibrated = Predictions(
        right.clip_ids,
        right.targets[:, kept],
        matching.apply(scores)[:, kept],
        labels,
        right.task,
        None if right.known is None else right.known[:, kept],
        table["recording"].to_numpy().astype(str) if stated else None,
    )
    is_calibrated = getattr(subject, "calibration", None) is not None
    predictions = uncalibrated
    if is_calibrated:
        predictions = replace(uncalibrated, scores=matching.apply(subject.calibrated(scores))[:, kept])
    positions = np.array([matching.sources[index][0] for index in kept], np.int64)
    return Predicted(predictions, table, tuple(notes), uncalibrated if is_calibrated else None, positions, subject)


def _clips(right: Truth, data: Data | None) -> pandas.DataFrame:
    """What is known about the clips; without a data set, their ids and labels."""
    if data is not None:
        return clips.clips(data, right.clip_ids)
    names = np.array(right.labels.names)
    cells = [join_cell(names[row.astype(bool)].tolist()) for row in right.targets]
    recordings = right.clip_ids if right.recordings is None else right.recordings
    return pandas.DataFrame(
        {"clip_id": right.clip_ids, "recording": recordings, "split": "", "labels": cells, "duration": np.nan}
    )
