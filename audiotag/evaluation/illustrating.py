"""Clips of a report with what they look and sound like, and where a network places them: from their data sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.predictions import Predictions
from audiotag.report.illustration import illustrate
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
