"""`predict`: the scores of a subject for every clip of a split, beside the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
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

if TYPE_CHECKING:
    import pandas


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
    scores = subject.uncalibrated(np.concatenate(outputs))
    notes = [*subject.notes, *reading.notes]
    if subject.task != data.task:
        notes.append(
            f"{subject.name} is {subject.task}, {data.name} is {data.task}: its scores are judged as {data.task}"
        )
    scored = _Scored(subject, _in_order(truth.of_data(data, split), np.array(clip_ids)), scores, matching)
    return _finish(scored, None if subject.calibration is None else subject.calibrated(scores), notes, data)


def _in_order(right: Truth, clip_ids: np.ndarray) -> Truth:
    """The truth of clips in another order."""
    position = {clip_id: row for row, clip_id in enumerate(right.clip_ids.tolist())}
    rows = [position[clip_id] for clip_id in clip_ids.tolist()]
    return replace(right, clip_ids=clip_ids, targets=right.targets[rows])


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
    return _finish(_Scored(table, right, scores, matching), None, notes + ignored, data)


def _rows_of(table: ScoreTable, right: Truth) -> tuple[list[int], list[str]]:
    """The table's row of each clip, matched by id, else by file name without its suffix; and what to tell."""
    exact = {key: row for row, key in enumerate(table.keys)}
    counts = Counter(map(_stem, right.clip_ids.tolist()))
    by_stem: dict[str, list[int]] = {}
    wanted = set(right.clip_ids.tolist())
    for row, key in enumerate(table.keys):
        if key not in wanted:
            by_stem.setdefault(_stem(key), []).append(row)
    rows: list[int | None] = []
    for clip_id in right.clip_ids.tolist():
        stem = _stem(clip_id)
        near = by_stem.get(stem, []) if counts[stem] == 1 and clip_id not in exact else []
        if len(near) > 1:
            raise AudiotagError(
                f"a clip has one row, {clip_id!r} has {table.keys[near[0]]!r} and {table.keys[near[1]]!r} in "
                f"{table.path}: leave one of them out"
            )
        rows.append(exact.get(clip_id, near[0] if near else None))
    missing = [clip_id for clip_id, row in zip(right.clip_ids.tolist(), rows, strict=True) if row is None]
    if missing:
        some = "none" if len(missing) == len(rows) else f"not all ({len(missing)} are missing)"
        raise AudiotagError(
            f"a table of scores has a row for every clip, {table.path} has {some} of the {len(rows)} of {right.owner}, "
            f"{missing[0]!r} is missing for one: a missing score is no zero; score these clips too"
        )
    unknown = len(table.keys) - len(rows)
    return rows, [f"{unknown} rows of {table.name} are of clips not in {right.owner} and ignored"] if unknown else []


def _stem(key: str) -> str:
    """File name of a path, without the suffix of a sound file."""
    path = PurePosixPath(key.replace("\\", "/"))
    return path.stem if path.suffix.lower() in audio.SUFFIXES else path.name


@dataclass(frozen=True)
class _Scored:
    """Scores of a subject in its own classes, beside the truth."""

    subject: Scorer | ScoreTable
    truth: Truth
    scores: np.ndarray
    matching: Matching


def _finish(scored: _Scored, calibrated: np.ndarray | None, notes: list[str], data: Data | None) -> Predicted:
    """Predictions of the classes that both know; of a multiclass truth, of the clips whose class is one of them."""
    subject, right, matching = scored.subject, scored.truth, scored.matching
    kept = np.flatnonzero(matching.known)
    notes = notes + matching.notes(subject.name, right.labels, right.vocabulary)
    targets, known = right.targets[:, kept], None if right.known is None else right.known[:, kept]
    clip_ids, rows = right.clip_ids, np.arange(len(right.clip_ids))
    if Task(right.task).exclusive and len(kept) < len(right.labels):
        rows = np.flatnonzero(targets.any(axis=1))
        notes.append(f"{len(clip_ids) - len(rows)} of {len(clip_ids)} clips have a class that is left out, and are too")
        if not len(rows):
            raise AudiotagError(f"no clip of {right.owner} has a class that {subject.name} knows: choose another split")
    clip_ids, known = clip_ids[rows], None if known is None else known[rows]
    labels = Labels(*(tuple(texts[index] for index in kept) for texts in (right.labels.names, right.labels.ids)))
    table = _clips(right, rows, data)
    stated = data is not None or right.recordings is not None
    recordings = table["recording"].to_numpy().astype(str) if stated else None

    def predictions(scores: np.ndarray) -> Predictions:
        matched = matching.apply(scores)[rows][:, kept]
        return Predictions(clip_ids, targets[rows], matched, labels, right.task, known, recordings)

    return Predicted(
        predictions=predictions(scored.scores if calibrated is None else calibrated),
        clips=table,
        notes=tuple(notes),
        uncalibrated=None if calibrated is None else predictions(scored.scores),
        positions=np.array([matching.sources[index][0] for index in kept], np.int64),
        subject=subject,
    )


def _clips(right: Truth, rows: np.ndarray, data: Data | None) -> pandas.DataFrame:
    """What is known about the clips; without a data set, their ids and labels."""
    import pandas

    from audiotag.labels import join_cell

    clip_ids = right.clip_ids[rows]
    if data is not None:
        return clips.clips(data, clip_ids)
    cells = [join_cell(np.array(right.labels.names)[row.astype(bool)].tolist()) for row in right.targets[rows]]
    recordings = clip_ids if right.recordings is None else right.recordings[rows]
    return pandas.DataFrame(
        {"clip_id": clip_ids, "recording": recordings, "split": "", "labels": cells, "duration": np.nan}
    )
