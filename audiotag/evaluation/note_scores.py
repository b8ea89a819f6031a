"""What a network says of the notes of every recording of a split, and the true ones."""

from __future__ import annotations

import keras
import numpy as np

from audiotag import progress
from audiotag.models.frames import frame_steps
from audiotag.models.notes import note_level
from audiotag.notes import Grid, Note, decode
from audiotag.records import Data
from audiotag.records.recorded_notes import recorded_notes
from audiotag.scorers.inputs import of_size
from audiotag.tagging.note_decoding import NoteDecoding

Rolls = dict[str, tuple[np.ndarray, Grid]]
"""By recording: (steps, 88, 4) float32 in 0 to 1, the last axis as of `notes.rolls`, and where its steps lie."""


def rolls(network: keras.Model, data: Data, split: str, batch_size: int = 16) -> Rolls:
    """What a network says of the recordings of a split, from their records, clip by clip.

    The clips of a recording are put together before notes are decoded, so that no note ends at the edge of a clip.

    Args:
        network: (batch, frames, mels, 1) -> logits (batch, 88), with the "notes" head.
        data: an open data set of notes.
        split: expression of splits.
        batch_size: clips at a time.

    Raises:
        AudiotagError: a network that transcribes no notes.
    """
    notes, recordings = note_level(network), recorded_notes(data, split)
    distance, first = frame_steps(notes).seconds(data.front_end)
    place = {clip_id: (name, start) for name, own in recordings.items() for clip_id, start in own.clips.items()}
    parts: dict[str, dict[float, np.ndarray]] = {name: {} for name in recordings}
    run = of_size(notes.predict_on_batch, batch_size)
    title = f"Transcribing {data.name} {split}"
    with progress.bar(title, data.count(split, variants=0), "clips") as advance:
        for batch in data.batches(split, batch_size=batch_size):
            logits = run(batch["log_mel"])
            for clip_id, of_clip in zip(batch["clip_id"], logits, strict=True):
                name, start = place[clip_id]
                parts[name][start] = 1 / (1 + np.exp(-of_clip))
            advance(len(logits))
    return {name: _joined(own, distance, first) for name, own in parts.items()}


def true_notes(data: Data, split: str) -> dict[str, tuple[Note, ...]]:
    """The notes of every recording of a split."""
    return {name: own.notes for name, own in recorded_notes(data, split).items()}


def found_notes(network: keras.Model, data: Data, split: str, decoding: NoteDecoding) -> dict[str, list[Note]]:
    """The notes that a network finds in every recording of a split; arguments as of `rolls`, and its thresholds."""
    return {
        name: decode(roll, grid, decoding.onset_threshold, decoding.frame_threshold)
        for name, (roll, grid) in rolls(network, data, split).items()
    }


def _joined(parts: dict[float, np.ndarray], distance: float, first: float) -> tuple[np.ndarray, Grid]:
    """The roll of a recording from the scores of its clips by when they begin."""
    places = {round(start / distance): scores for start, scores in sorted(parts.items())}
    length = max(place + len(scores) for place, scores in places.items())
    roll = np.zeros((length, *next(iter(places.values())).shape[1:]), np.float32)
    for place, scores in places.items():
        roll[place : place + len(scores)] = scores
    return roll, Grid(length, distance, first)
