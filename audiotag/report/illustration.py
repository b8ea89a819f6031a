"""Clips of a report with what they look and sound like, from their data set."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.frontend.filterbank import places_of_frequencies
from audiotag.records import Data, Declaration, clips
from audiotag.report.section import Exhibit


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
