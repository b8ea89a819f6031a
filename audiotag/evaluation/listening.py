"""What takes the sound or the network again: the worst mistakes, noise, onsets and offsets, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import scorers as scoring
from audiotag.errors import AudiotagError
from audiotag.evaluation.sections import mistakes, noise, sound_events
from audiotag.records import clips
from audiotag.report.report import Embeddings, Report
from audiotag.scorers.reading import Reading

if TYPE_CHECKING:
    import keras

    from audiotag.evaluation.pooling import Heard
    from audiotag.records import Data, Declaration

_EMBEDDED = 2000  # clips; a browser turns no more of them smoothly
_BATCH = 32


def listen(
    report: Report, heard: Sequence[Heard], noise_folder: Path | str | None, recordings: Declaration | Path | None
) -> Report:
    """The report with what takes the sound or the network: mistakes, noise, events, embeddings.

    Args:
        report: what the scores alone say.
        heard: the subjects.
        noise_folder: recordings without any of the classes. None: silence and made noise.
        recordings: where the mistakes can be heard: root folder of the recordings, or the declaration.
    """
    scorers = [one.predicted.subject for one in heard if isinstance(one.predicted.subject, scoring.Scorer)]
    notes = list(report.notes)
    worst = mistakes.worst(report.predictions, report.thresholds)
    for data in {one.data.fingerprint: one.data for one in heard if one.data is not None}.values():
        own = {
            clip_id for one in heard if _same(one.data, data) for clip_id in one.predicted.predictions.clip_ids.tolist()
        }
        source = data.recordings if recordings is None else recordings
        shown = iter(mistakes.illustrate([one for one in worst if one.clip_id in own], data, source))
        worst = [next(shown) if one.clip_id in own else one for one in worst]
    found = replace(report, mistakes=tuple(worst))
    if len(scorers) < len(heard):
        notes.append("false alarms on noise were not measured: a table of scores cannot listen")
        return replace(found, notes=tuple(notes))
    found = replace(found, noise=_false_alarms(heard, report.thresholds, noise_folder))
    if len(heard) == 1 and report.subject.network is not None:
        network, data, split = report.subject.network, heard[0].data, heard[0].split
        if not Reading(scorers[0], data, recordings).needs_waveforms:
            found = replace(found, embeddings=_embeddings(network, data, report.predictions.clip_ids))
            if scorers[0].labels.names == data.labels.names:
                notes += filter(None, [sound_events.note(network, data, split)])
                found = replace(found, sound_events=sound_events.measure(network, data, split))
    return replace(found, notes=tuple(notes))


def _same(one: Data | None, other: Data) -> bool:
    return one is not None and one.fingerprint == other.fingerprint


def _false_alarms(heard: Sequence[Heard], thresholds: np.ndarray, folder: Path | str | None) -> noise.FalseAlarms:
    """What the models, all of them, find in noise."""
    parts = []
    for one in heard:
        scorer = one.predicted.subject
        seconds = scorer.input.seconds or one.data.seconds
        if folder is None:
            sounds = noise.built_in(scorer.sample_rate, seconds)
        else:
            sounds = noise.noise_folder(Path(folder), scorer.sample_rate, seconds)
        listened = noise.listen(scorer.predict_on_batch, sounds, scorer.sample_rate)
        parts.append((listened.kinds, listened.scores[:, one.predicted.positions], listened.seconds))
    return noise.NoiseScores(*(np.concatenate(part) for part in zip(*parts, strict=True))).false_alarms(thresholds)


def _embeddings(network: keras.Model, data: Data, clip_ids: np.ndarray) -> Embeddings | None:
    """What the network hears in some clips, evenly chosen, before its last layer; None where it has no such layer."""
    from audiotag.models import embedding_network

    try:
        network = embedding_network(network, "features")
    except AudiotagError:
        return None
    chosen = np.unique(np.linspace(0, len(clip_ids) - 1, min(len(clip_ids), _EMBEDDED)).round().astype(int))
    row_of = {clip_id: row for row, clip_id in zip(chosen.tolist(), clip_ids[chosen].tolist(), strict=True)}
    rows, vectors = [], []
    stored = clips.stored(data, clip_ids[chosen])
    while part := list(islice(stored, _BATCH)):
        rows += [row_of[one.clip_id] for one in part]
        filled = np.resize(np.stack([one.log_mel for one in part]), (_BATCH, *part[0].log_mel.shape))
        vectors.append(np.asarray(network.predict_on_batch(filled))[: len(part)])
    return Embeddings(np.array(rows), np.concatenate(vectors))
