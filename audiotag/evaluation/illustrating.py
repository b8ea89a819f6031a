"""Clips of a report with what they look and sound like, and where a network places them: from their data sets."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.frontend.filterbank import places_of_frequencies
from audiotag.metrics.predictions import Predictions
from audiotag.records import Data, Declaration, clips
from audiotag.report.section import Exhibit
from audiotag.scorers.inputs import of_size

_BEST = 5
_MOST = 2000  # clips; a browser turns no more of them smoothly
_BATCH = 32


def truth_and_best(predictions: Predictions, row: int) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
    """Names of the classes in a clip, and its best scored classes with their scores, best first."""
    names, scores = predictions.labels.names, predictions.scores[row]
    truth = tuple(names[place] for place in np.flatnonzero(predictions.targets[row]))
    best = np.argsort(-scores, kind="stable")[:_BEST]
    return truth, tuple((names[place], float(scores[place])) for place in best)


def illustrated(evaluation: Evaluation, exhibits: Sequence[Exhibit]) -> tuple[Exhibit, ...]:
    """Exhibits of an evaluation with picture and sound, in their order; one without a data set stays as it is."""
    shown = {exhibit.clip_id: exhibit for exhibit in exhibits}
    for scored in evaluation.scored:
        if (data := scored.data) is not None:
            own = [shown[clip_id] for clip_id in scored.predicted.predictions.clip_ids.tolist() if clip_id in shown]
            source = data.recordings if evaluation.recordings is None else evaluation.recordings
            shown |= {exhibit.clip_id: exhibit for exhibit in illustrate(own, data, source)}
    return tuple(shown[exhibit.clip_id] for exhibit in exhibits)


def illustrate(exhibits: Sequence[Exhibit], data: Data, source: Declaration | Path | None = None) -> list[Exhibit]:
    """Exhibits with the log-mel of their untouched records and, where it is at hand, their sound.

    Args:
        exhibits: in any order, which is kept.
        data: the data set that they are of.
        source: root folder of the recordings, or the declaration, for the sound where the records keep none; what
            cannot be read stays without sound.

    Raises:
        AudiotagError: a clip that the data set does not have, or a damaged shard.
    """
    records = {record.clip_id: record for record in clips.stored(data, [exhibit.clip_id for exhibit in exhibits])}
    rate, frequencies = data.front_end.sample_rate, places_of_frequencies(data.front_end)
    read = None if source is None else clips.recorded(data, source, rate)
    shown = []
    for exhibit in exhibits:
        record = records[exhibit.clip_id]
        waveform = record.waveform
        if waveform is None and read is not None:
            with contextlib.suppress(AudiotagError):
                waveform = read(exhibit.clip_id)
        sound = {} if waveform is None else {"waveform": waveform, "sample_rate": rate}
        shown.append(replace(exhibit, log_mel=record.log_mel[..., 0], frequencies=frequencies, **sound))
    return shown


def embeddings(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of some clips, evenly chosen, and their embeddings, as `Report` holds them.

    None where there are several sources, or no network that takes the records and has a layer of features.
    """
    from audiotag.models import embedding_network

    scored = evaluation.scored[0]
    if len(evaluation.scored) > 1 or scored.network is None:
        return None
    try:
        network = embedding_network(scored.network, "features")
    except AudiotagError:
        return None
    clip_ids = evaluation.predictions.clip_ids
    chosen = np.unique(np.linspace(0, len(clip_ids) - 1, min(len(clip_ids), _MOST)).round().astype(int))
    row_of = {clip_id: row for row, clip_id in zip(chosen.tolist(), clip_ids[chosen].tolist(), strict=True)}
    rows, vectors, run = [], [], of_size(network.predict_on_batch, _BATCH)
    for batch in scored.data.batches(clip_ids=clip_ids[chosen], batch_size=_BATCH):
        rows += [row_of[clip_id] for clip_id in batch["clip_id"]]
        vectors.append(run(batch["log_mel"]))
    return np.array(rows), np.concatenate(vectors)
