"""Strong labels, read back from the records: when each event of a clip begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from audiotag.records.example import EventRow

if TYPE_CHECKING:
    from audiotag.records.data import Data

_PARSED_TOGETHER = 64
_LOOKED_AT = 64  # labelled clips of a split: they lie in an order that has nothing to do with their events
_RAGGED = ("labels", "event_onset", "event_offset", "event_class")
_DECIMALS = 6  # seconds are stored as float32, which holds microseconds for clips of up to 16 s


def strong_labels(data: Data, split: str) -> dict[str, tuple[EventRow, ...]]:
    """The events of every clip of a split, untouched (variant 0); log-mel is not decoded.

    Args:
        data: an open data set.
        split: expression of splits: "test", "fold5", "fold1..4".

    Returns:
        By clip id, in the order of the records: (onset in seconds, offset in seconds, class index) of each event;
        empty for a clip without any. The seconds are those of the sound that the network hears; times `data.speed`
        they are those of the recording.
    """
    return {clip_id: events for clip_id, _, events in _untouched(data, split)}


def has_strong_labels(data: Data, split: str) -> bool:
    """Whether a split has strong labels at all, told by the first 64 labelled clips of each split that it names."""
    return any(
        any(events for _, _, events in islice((clip for clip in _untouched(data, name) if clip[1]), _LOOKED_AT))
        for name in data.select(split)
    )


def _untouched(data: Data, split: str) -> Iterator[tuple[str, bool, tuple[EventRow, ...]]]:
    """Id of every untouched clip, whether it has labels, and its events."""
    from audiotag.records.parser import batches, parse_events

    every = {shard: np.ones(shard.examples, bool) for shard in data.selected_shards(split)}
    for batch in batches(data.path, every, parse_events, _PARSED_TOGETHER):
        ragged = ([row.tolist() for row in batch[name]] for name in _RAGGED)
        for clip_id, variant, labels, *events in zip(batch["clip_id"], batch["variant"], *ragged, strict=True):
            if variant == 0:
                rounded = (
                    (round(onset, _DECIMALS), round(offset, _DECIMALS), index)
                    for onset, offset, index in zip(*events, strict=True)
                )
                yield clip_id, bool(labels), tuple(rounded)
