"""`predict`: the scores of a subject for every clip of a split, beside the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from audiotag import audio, progress
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics.checks import NotFiniteError
from audiotag.metrics.predictions import Predictions
from audiotag.records import clips
from audiotag.records.clips import check_complete
from audiotag.scorers import inputs, truth, vocabularies
from audiotag.scorers.scorer import Scorer
from audiotag.scorers.tables import ScoreTable
from audiotag.scorers.truth import Truth
from audiotag.task import Task

if TYPE_CHECKING:
    import pandas

    from audiotag.records import Data, Declaration


@dataclass(frozen=True)
class Predicted:
    """What a subject said about a split.

    Args:
        predictions: truth and scores, calibrated where the subject has a calibration.
        clips: a row a clip in their order; see `records.clips.clips`.
        notes: what the reader must know: classes and clips left out, what was assumed.
        uncalibrated: the same before the calibration; None where there is none.
        positions: (classes,) int64, which of the subject's classes stands for each class of the predictions.
        subject: the subject; of a model, what was open about its outputs is settled.
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
    positions = vocabularies.match(subject.name, subject.labels, data.labels, data.name)
    raw, clip_ids = _raw(subject, data, split, batch_size, source)
    settled = subject.settled(raw, data.task)
    notes = [*subject.notes, *inputs.notes(subject, data, source), *_outputs_notes(subject, settled, data)]
    scores = settled.uncalibrated(raw)
    _check_range(settled, scores, clip_ids)
    right = _in_order(truth.of_data(data, split), clip_ids)
    calibrated = None if settled.calibration is None else settled.calibrated(scores)
    return _finish(settled, right, scores, calibrated, positions, notes, data)


def _raw(
    scorer: Scorer, data: Data, split: str, batch_size: int, source: Declaration | Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (clips, classes) float64 of every clip, and the clips' ids."""
    found, clip_ids = [], []
    given = inputs.batches(scorer, data, split, batch_size, source)
    with progress.bar(f"Predicting {data.name} {split}", data.count(split, variants=0), "clips") as advance:
        for keys, batch in given:
            # A short batch is filled up: a new shape may be a new compilation.
            filled = np.resize(batch, (batch_size, *batch.shape[1:]))
            found.append(scorer.raw(filled)[: len(keys)])
            if found[-1].shape[1] != len(scorer.labels):
                raise AudiotagError(
                    f"a model has one class an output, {scorer.name} gives {found[-1].shape[1]} outputs for "
                    f"{len(scorer.labels)} classes: say what they are with --labels"
                )
            clip_ids += keys
            advance(len(keys))
    check_complete(clip_ids, data, split)
    raw = np.concatenate(found)
    for row, column in np.argwhere(~np.isfinite(raw))[:1]:
        raise NotFiniteError(
            f"scores must be finite, {scorer.name} gives {raw[row, column]} for clip {clip_ids[row]!r}, class "
            f"{scorer.labels.names[column]!r}: its weights or its input hold NaN or infinity; export or train it again"
        )
    return raw, np.array(clip_ids)


def _outputs_notes(subject: Scorer, settled: Scorer, data: Data) -> list[str]:
    """What was decided about the outputs."""
    told = []
    if subject.outputs is None:
        seen = {"logits": "some values lie outside [0, 1]", "scores": "every value lies in [0, 1]"}[settled.outputs]
        told.append(f"{subject.name} does not state what its outputs are: taken for {settled.outputs}, since {seen}")
    if subject.task is None and settled.outputs == "logits":
        activation = "softmax" if settled.task == "multiclass" else "sigmoid"
        told.append(f"scores are the {activation} of the outputs of {subject.name}, since {data.name} is {data.task}")
    if settled.task != data.task:
        told.append(
            f"{subject.name} is {settled.task}, {data.name} is {data.task}: its scores are judged as {data.task}"
        )
    return told


def _check_range(scorer: Scorer, scores: np.ndarray, clip_ids: np.ndarray) -> None:
    for row, column in np.argwhere((scores < 0) | (scores > 1))[:1]:
        raise AudiotagError(
            f"scores are in [0, 1], {scorer.name} gives {scores[row, column]:g} for clip {str(clip_ids[row])!r}: "
            "are its outputs logits?"
        )


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
        found = table.predictions
        held = (found.clip_ids, found.targets, found.labels, found.task, found.known)
        right = Truth(*held, str(table.path), str(table.path), found.recordings)
    else:
        raise AudiotagError(
            f"{table.path} holds scores and no truth: name a data set with --data and --split, or a table of labels"
        )
    positions = vocabularies.match(table.name, table.labels, right.labels, right.vocabulary)
    rows, told = _rows_of(table, right)
    scores = table.scores[rows]
    if table.outputs == "logits":
        notes.append(f"{table.name} holds logits: scores by {'softmax' if right.task == 'multiclass' else 'sigmoid'}")
        scores = Task(right.task).probabilities(scores)
    return _finish(table, right, scores, None, positions, notes + told, data)


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


def _finish(
    subject: Scorer | ScoreTable,
    right: Truth,
    scores: np.ndarray,
    calibrated: np.ndarray | None,
    positions: Sequence[int | None],
    notes: list[str],
    data: Data | None,
) -> Predicted:
    """Predictions of the classes that both know; of a multiclass truth, of the clips whose class is one of them."""
    kept = [index for index, position in enumerate(positions) if position is not None]
    chosen = np.array([positions[index] for index in kept], np.int64)
    notes = notes + vocabularies.notes(subject.name, subject.labels, right.labels, right.vocabulary, positions)
    targets, known = right.targets[:, kept], None if right.known is None else right.known[:, kept]
    clip_ids, rows = right.clip_ids, np.arange(len(right.clip_ids))
    if right.task == "multiclass" and len(kept) < len(right.labels):
        rows = np.flatnonzero(targets.any(axis=1))
        notes.append(f"{len(clip_ids) - len(rows)} of {len(clip_ids)} clips have a class that is left out, and are too")
        if not len(rows):
            raise AudiotagError(f"no clip of {right.owner} has a class that {subject.name} knows: choose another split")
    clip_ids, known = clip_ids[rows], None if known is None else known[rows]
    labels = Labels(
        tuple(right.labels.names[index] for index in kept), tuple(right.labels.ids[index] for index in kept)
    )
    table = _clips(right, rows, data)
    stated = data is not None or right.recordings is not None
    recordings = table["recording"].to_numpy().astype(str) if stated else None

    def predictions(values: np.ndarray) -> Predictions:
        picked = values[rows][:, chosen]
        return Predictions(clip_ids, targets[rows], picked, labels, right.task, known, recordings)

    return Predicted(
        predictions=predictions(scores if calibrated is None else calibrated),
        clips=table,
        notes=tuple(notes),
        uncalibrated=None if calibrated is None else predictions(scores),
        positions=chosen,
        subject=subject,
    )


def _clips(right: Truth, rows: np.ndarray, data: Data | None) -> pandas.DataFrame:
    """What is known about the clips; without a data set, their ids and labels."""
    import pandas

    from audiotag.labels import join_cell

    clip_ids = right.clip_ids[rows]
    if data is not None:
        return clips.clips(data, clip_ids)
    held = [join_cell(np.array(right.labels.names)[row.astype(bool)].tolist()) for row in right.targets[rows]]
    recordings = clip_ids if right.recordings is None else right.recordings[rows]
    return pandas.DataFrame(
        {"clip_id": clip_ids, "recording": recordings, "split": "", "labels": held, "duration": np.nan}
    )
