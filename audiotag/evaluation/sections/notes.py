"""How well the notes of recordings are transcribed, with intervals over recordings."""

from __future__ import annotations

import keras
import numpy as np

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.transcription import (
    FRAME_SECONDS,
    KINDS,
    OFFSET_SHARE,
    OFFSET_TOLERANCE,
    ONSET_TOLERANCE,
    Transcriptions,
    compare,
)
from audiotag.models.frames import frame_steps
from audiotag.models.notes import note_level
from audiotag.notes import Grid, Note, decode
from audiotag.notes.rolls import SHORTEST, THRESHOLD
from audiotag.records import Data
from audiotag.records.recorded_notes import recorded_notes
from audiotag.report.formats import count, figure, percent
from audiotag.report.section import Section, Table
from audiotag.scorers.inputs import of_size

_TITLE = "Notes"
_SPOKEN = {"onset": "onsets", "onset_offset": "onsets with offsets", "frame": "frames"}


def measure(evaluation: Evaluation) -> Section | None:
    """How well a network transcribes a split of a data set of notes; None where it is none."""
    scored = evaluation.scored[0]
    network, data = scored.network, scored.data
    if len(evaluation.scored) > 1 or network is None or data is None or not data.task.of_notes:
        return None
    try:
        result = transcriptions(network, data, scored.split)
    except AudiotagError as error:
        return Section(_TITLE, notes=(f"notes were not measured: {error}",), values={"notes": None})
    return section(result)


def section(result: Transcriptions) -> Section:
    """The section of a comparison."""
    shown = {kind: f"{kind}_F1" for kind in KINDS}
    listed = ", ".join(f"{_SPOKEN[kind]} {_with_interval(result, name)}" for kind, name in shown.items())
    return Section(
        _TITLE,
        how="F1 of transcribed notes, the mean over recordings. 1 is perfect.",
        conclusions=(f"notes, F1: {listed}",),
        scalars={name: result.means[name] for name in shown.values()},
        tables=(Table.of(result.recordings.reset_index()),),
        facts={
            "recordings": count(len(result.recordings)),
            "notes": count(int(result.recordings["notes"].sum())),
            "onset tolerance": f"{ONSET_TOLERANCE:g} s",
            "offset tolerance": f"{OFFSET_TOLERANCE:g} s, or {percent(OFFSET_SHARE)} of the note where that is more",
            "frames": f"every {FRAME_SECONDS:g} s, of the transcribed notes",
            "thresholds": f"{THRESHOLD:g} of onsets and of frames, notes of {SHORTEST:g} s and more",
            "intervals": result.reason or f"{percent(result.level)}, of {count(result.resamples)} draws of recordings",
            "computed by": result.computed_by,
        },
        values={"notes": result},
    )


def transcriptions(network: keras.Model, data: Data, split: str, batch_size: int = 16) -> Transcriptions:
    """Transcribe the recordings of a split from their records, clip by clip, and compare them with the true notes.

    What the network says of the clips of a recording is put together before notes are decoded, so that no note ends at
    the edge of a clip.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, 88), with the "notes" head.
        data: an open data set of notes.
        split: expression of splits.
        batch_size: clips at a time.

    Raises:
        AudiotagError: a network that transcribes no notes, or mir_eval is not there.
    """
    notes, recordings = note_level(network), recorded_notes(data, split)
    distance, first = frame_steps(notes).seconds(data.front_end)
    place = {clip_id: (name, start) for name, own in recordings.items() for clip_id, start in own.clips.items()}
    rolls: dict[str, dict[float, np.ndarray]] = {name: {} for name in recordings}
    run = of_size(notes.predict_on_batch, batch_size)
    title = f"Transcribing {data.name} {split}"
    with progress.bar(title, data.count(split, variants=0), "clips") as advance:
        for batch in data.batches(split, batch_size=batch_size):
            logits = run(batch["log_mel"])
            for clip_id, of_clip in zip(batch["clip_id"], logits, strict=True):
                name, start = place[clip_id]
                rolls[name][start] = 1 / (1 + np.exp(-of_clip))
            advance(len(logits))
    found = {name: _decoded(parts, distance, first) for name, parts in rolls.items()}
    return compare({name: own.notes for name, own in recordings.items()}, found)


def _decoded(parts: dict[float, np.ndarray], distance: float, first: float) -> list[Note]:
    """The notes of a recording from the scores of its clips by when they begin."""
    places = {round(start / distance): scores for start, scores in sorted(parts.items())}
    length = max(place + len(scores) for place, scores in places.items())
    roll = np.zeros((length, *next(iter(places.values())).shape[1:]), np.float32)
    for place, scores in places.items():
        roll[place : place + len(scores)] = scores
    return decode(roll, Grid(length, distance, first))


def _with_interval(result: Transcriptions, name: str) -> str:
    low, high = result.intervals[name]
    interval = "" if np.isnan(low) else f" ({figure(low)} to {figure(high)})"
    return f"{figure(result.means[name])}{interval}"
