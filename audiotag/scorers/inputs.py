"""What a model is given of a split's clips: log-mel of the records, or waveforms of the records or the recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.distill.hearing import Hearing
from audiotag.errors import AudiotagError
from audiotag.records import clips
from audiotag.records.clips import clips_of
from audiotag.scorers.scorer import LogMelInput

if TYPE_CHECKING:
    from audiotag.records import Data, Declaration
    from audiotag.scorers.scorer import Scorer

Batch = tuple[Sequence[str], np.ndarray]
"""Clip ids, and the input of the model."""


def batches(
    scorer: Scorer, data: Data, split: str, batch_size: int, source: Declaration | Path | None
) -> Iterator[Batch]:
    """The untouched clips of a split, as a model takes them.

    Args:
        scorer: the model.
        data: an open data set.
        split: expression of splits.
        batch_size: clips at a time.
        source: root folder of the recordings; needed where the data set keeps no waveforms and the model needs them.

    Raises:
        AudiotagError: the clips have another length than the model takes, or it needs waveforms and there are none.
    """
    difference = stored_difference(scorer, data)
    if isinstance(scorer.takes, LogMelInput):
        frames = _hearing(scorer, data, source).length if difference else data.frames
        if scorer.takes.frames not in (None, frames):
            raise AudiotagError(
                f"{scorer.name} takes {scorer.takes.frames} frames, the clips of {data.name} ({data.seconds:g} s) have "
                f"{frames}: build the data set with the model's seconds"
            )
    if not difference:
        return _stored_log_mel(data, split, batch_size)
    if source is not None:
        return _recorded(scorer, data, split, batch_size, source)
    if data.waveforms:
        return _stored_waveforms(scorer, data, split, batch_size)
    what = "waveforms" if difference == "waveforms" else f"another front end ({difference})"
    raise AudiotagError(
        f"{scorer.name} takes {what}, and {data.name} was built without waveforms: name the folder of its recordings "
        "with --source, or build it again with --keep-waveforms"
    )


def stored_difference(scorer: Scorer, data: Data) -> str:
    """What makes the log-mel of the records not what a model takes; "" where it is."""
    if isinstance(scorer.takes, LogMelInput):
        return scorer.takes.front_end.difference(data.front_end)
    return "waveforms"


def _hearing(scorer: Scorer, data: Data, source: Declaration | Path | None) -> Hearing:
    """From waveforms of the records, or of the recordings, which are read at the model's rate."""
    rate = data.front_end.sample_rate if source is None else scorer.sample_rate
    return Hearing(scorer.takes.hears, False, rate, round(data.seconds * rate))


def notes(scorer: Scorer, data: Data, source: Declaration | Path | None) -> list[str]:
    """What the reader must know of how a model hears a data set."""
    if not stored_difference(scorer, data):
        return []
    hearing = _hearing(scorer, data, source)
    told = [f"{scorer.name} hears {hearing.describe()}, of the {'records' if source is None else 'recordings'}"]
    wanted = getattr(scorer.takes, "samples", None)
    if wanted is not None and wanted < hearing.length:
        told.append(f"{scorer.name} hears {wanted} samples at a time: the outputs of a clip's windows are averaged")
    if wanted is not None and wanted > hearing.length:
        how = "repeated" if scorer.takes.pad == "repeat" else "followed by silence"
        told.append(f"{scorer.name} takes {wanted} samples, the clips have {hearing.length}: they are {how}")
    return told


def _stored_log_mel(data: Data, split: str, batch_size: int) -> Iterator[Batch]:
    for log_mel, _, clip_id, _ in data.read(split, batch_size=batch_size, variants=0, keys=True):
        yield [key.decode() for key in np.asarray(clip_id).tolist()], np.asarray(log_mel)


def _stored_waveforms(scorer: Scorer, data: Data, split: str, batch_size: int) -> Iterator[Batch]:
    hearing = _hearing(scorer, data, None)
    for group in _groups(clips.stored(data, clips_of(data, split)["clip_id"]), batch_size):
        yield [one.clip_id for one in group], hearing.input({"waveform": np.stack([one.waveform for one in group])})


def _recorded(scorer: Scorer, data: Data, split: str, batch_size: int, source: Declaration | Path) -> Iterator[Batch]:
    read = clips.recorded(data, source, scorer.sample_rate)
    hearing = _hearing(scorer, data, source)
    for group in _groups(clips_of(data, split)["clip_id"].astype(str), batch_size):
        yield group, hearing.input({"waveform": np.stack([read(clip_id) for clip_id in group])})


def _groups(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` items in a row; the last one may be shorter."""
    remaining = iter(items)
    while group := list(islice(remaining, size)):
        yield group
