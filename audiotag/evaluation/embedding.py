"""What a network makes of some clips before its last layer, for the projector."""

from __future__ import annotations

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.scorers.inputs import of_size

_MOST = 2000  # clips; a browser turns no more of them smoothly
_BATCH = 32


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
