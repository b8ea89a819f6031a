"""Clips of a report with what they look and sound like: from the data set that each of them is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.records import Data, Declaration, clips
from audiotag.report.section import Exhibit


def illustrated(evaluation: Evaluation, exhibits: Sequence[Exhibit]) -> tuple[Exhibit, ...]:
    """Exhibits of an evaluation with picture and sound, in their order; one without a data set stays as it is."""
    shown: dict[Exhibit, Exhibit] = {}
    scored = [each for each in evaluation.scored if each.data is not None]
    for data in {each.data.fingerprint: each.data for each in scored}.values():
        own = {
            clip_id
            for each in scored
            if each.data.fingerprint == data.fingerprint
            for clip_id in each.predicted.predictions.clip_ids.tolist()
        }
        chosen = [exhibit for exhibit in exhibits if exhibit.clip_id in own]
        source = data.recordings if evaluation.recordings is None else evaluation.recordings
        shown |= zip(chosen, illustrate(chosen, data, source), strict=True)
    return tuple(shown.get(exhibit, exhibit) for exhibit in exhibits)


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
    rate = data.front_end.sample_rate
    read = None if source is None else clips.recorded(data, source, rate)
    shown = []
    for exhibit in exhibits:
        record = records[exhibit.clip_id]
        waveform = record.waveform
        if waveform is None and read is not None:
            try:
                waveform = read(exhibit.clip_id)
            except AudiotagError:
                waveform = None
        sound = {} if waveform is None else {"waveform": waveform, "sample_rate": rate}
        shown.append(replace(exhibit, log_mel=record.log_mel[..., 0], **sound))
    return shown
