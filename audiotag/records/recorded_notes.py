"""The notes of whole recordings, put together from the clips of a data set of notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.notes import Note
from audiotag.notes.rolls import NoteRow, joined
from audiotag.records.clips import clips_of

if TYPE_CHECKING:
    from audiotag.records.data import Data

_PARSED_TOGETHER = 64
_RAGGED = ("event_onset", "event_offset", "event_class", "event_velocity")
_DECIMALS = 6  # seconds are stored as float32


@dataclass(frozen=True)
class RecordedNotes:
    """The notes of a recording.

    Args:
        notes: in the order of onset, offset and pitch.
        clips: its clips, by their id, with when each begins in the recording, seconds; in that order.
    """

    notes: tuple[Note, ...]
    clips: dict[str, float]


def recorded_notes(data: Data, split: str) -> dict[str, RecordedNotes]:
    """The notes of every recording of a split, by its source: those of its untouched clips (variant 0), put together.

    Args:
        data: an open data set of notes.
        split: expression of splits: "test", "train+validation".

    Raises:
        AudiotagError: a data set of another task.
    """
    if not data.task.of_notes:
        raise AudiotagError(f"notes are those of a data set of notes, {data.name} is {data.task}: name another")
    rows, table = _rows(data, split), clips_of(data, split)
    starts: dict[str, dict[str, float]] = {}
    for clip_id, source, start in zip(table["clip_id"], table["source"], table["start"], strict=True):
        starts.setdefault(source, {})[clip_id] = float(start)
    recordings = {}
    for source, clips in starts.items():
        clips = dict(sorted(clips.items(), key=lambda item: item[1]))
        notes = joined((start, rows[clip_id]) for clip_id, start in clips.items())
        recordings[source] = RecordedNotes(notes, clips)
    return recordings


def _rows(data: Data, split: str) -> dict[str, list[NoteRow]]:
    from audiotag.records.parser import batches, parse_events

    rows: dict[str, list[NoteRow]] = {}
    every = {shard: np.ones(shard.examples, bool) for shard in data.selected_shards(split)}
    for batch in batches(data.path, every, parse_events, _PARSED_TOGETHER):
        ragged = ([row.tolist() for row in batch[name]] for name in _RAGGED)
        for clip_id, variant, *parts in zip(batch["clip_id"], batch["variant"], *ragged, strict=True):
            if variant == 0:
                rows[clip_id] = [
                    (round(onset, _DECIMALS), round(offset, _DECIMALS), *rest)
                    for onset, offset, *rest in zip(*parts, strict=True)
                ]
    return rows
