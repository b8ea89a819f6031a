"""The clips behind predictions: their rows in `clips.csv`, their untouched records, their sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import audio
from audiotag.clips.declaration import CLIP_COLUMNS, READ_COLUMNS, UNKNOWN, Clip, Declaration, read_clip
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell

if TYPE_CHECKING:
    import pandas

    from audiotag.records import Data

_TOGETHER = 64  # records parsed at once


def clips(data: Data, clip_ids: Sequence[str] | np.ndarray) -> pandas.DataFrame:
    """What is known about clips, a row each, in the order given.

    Args:
        data: an open data set.
        clip_ids: some of its clips.

    Returns:
        Columns clip_id, recording (`clips.csv`'s column of that name, where it is filled; else the source), split,
        labels (one cell), duration (seconds of the recording's own time; NaN where the clip has no end stated), then
        its further columns.

    Raises:
        AudiotagError: a clip that the data set does not have.
    """
    rows = data.rows(clip_ids)
    recording = rows["source"]
    if "recording" in rows:
        recording = rows["recording"].where(rows["recording"] != "", recording)
    duration = rows["end"] - rows["start"]
    table = rows[["clip_id"]].assign(recording=recording, split=rows["split"], labels=rows["labels"], duration=duration)
    further = {column: rows[column] for column in rows if column not in (*CLIP_COLUMNS, "recording", UNKNOWN)}
    return table.assign(**further).reset_index(drop=True)


def clip_of(row: Mapping[str, str]) -> Clip:
    """The clip that a row of `clips.csv` is of, without its strong labels, which stand in the records alone."""
    further = {column: cell for column, cell in row.items() if column not in CLIP_COLUMNS}
    end, labels = float(row["end"]) if row["end"] else None, split_cell(row["labels"])
    return Clip(row["clip_id"], row["source"], labels, row["split"], float(row["start"]), end, columns=further)


@dataclass(frozen=True)
class Stored:
    """The untouched record of a clip (variant 0).

    Args:
        clip_id: of the clip.
        log_mel: (frames, mels, 1), float32.
        waveform: (samples,) float32 at the data set's rate; None: the data set keeps none.
    """

    clip_id: str
    log_mel: np.ndarray
    waveform: np.ndarray | None


def stored(data: Data, clip_ids: Sequence[str] | np.ndarray) -> Iterator[Stored]:
    """The untouched records of clips, in the order of the records; no other record is decoded.

    Raises:
        AudiotagError: a clip that the data set does not have, or a shard that is missing or damaged.
    """
    for batch in data.batches(clip_ids=set(map(str, clip_ids)), batch_size=_TOGETHER, waveforms=data.waveforms):
        waveforms = batch.get("waveform", [None] * len(batch["clip_id"]))
        yield from map(Stored, batch["clip_id"], batch["log_mel"], waveforms)


def recorded(data: Data, source: Declaration | Path, sample_rate: int) -> Callable[[str], np.ndarray]:
    """A function that reads a clip's waveform from its recording, as the build did.

    Args:
        data: an open data set.
        source: root folder of the recordings, or the declaration of the data set, whose sounds may be no files.
        sample_rate: Hz.

    Returns:
        From a clip id to (samples,) float32, `data.seconds` long. It raises an `AudiotagError` where the recording
        cannot be read, saying how else to go on.
    """
    samples = round(data.seconds * sample_rate)
    if not isinstance(source, Declaration):
        rows = data.clips.set_index("clip_id")
        ends = rows["end"].astype(object).where(rows["end"].notna(), None)
        ways = rows[[column for column in READ_COLUMNS if column in rows]].to_dict("records")
        cut = zip(rows.index, rows["source"], rows["start"], ends, ways, strict=True)
        known = {
            clip_id: Clip(clip_id, sound, (), "", start, end, columns=way) for clip_id, sound, start, end, way in cut
        }
        root, reading = source, read_clip
    else:
        known, root, reading = {clip.clip_id: clip for clip in source.clips}, source.root, source.read

    def read(clip_id: str) -> np.ndarray:
        try:
            if clip_id not in known:
                raise AudiotagError("the declaration does not name it")
            waveform = reading(root, known[clip_id], sample_rate)
        except AudiotagError as error:
            raise AudiotagError(
                f"clip {clip_id!r} of {data.name} cannot be read again from {root} ({error}): give the folder of "
                "recordings that the data set was built from with --source, or build it with --keep-waveforms"
            ) from error
        return audio.fit(waveform, samples, data.pad)

    return read


def clips_of(data: Data, split: str) -> pandas.DataFrame:
    """The rows of `clips.csv` that the records of a split must hold: those with status "ok"."""
    return data.clips[data.clips["split"].isin(data.select(split)) & (data.clips["status"] == "ok")]


def check_complete(clip_ids: list[str], data: Data, split: str) -> None:
    """Refuse records that do not hold every clip of a split once, and no other."""
    if not clip_ids:
        raise AudiotagError(f"split {split!r} of {data.name} holds no clip: choose another split")
    stored_ids, expected = set(clip_ids), set(clips_of(data, split)["clip_id"].astype(str))
    if len(stored_ids) < len(clip_ids):
        twice = next(key for key in clip_ids if clip_ids.count(key) > 1)
        raise AudiotagError(f"the records of {data.name} hold clip {twice!r} more than once: build the data set again")
    for wrong, what in ((expected - stored_ids, "lack"), (stored_ids - expected, "hold, unknown to clips.csv,")):
        if wrong:
            raise AudiotagError(
                f"the records of {data.name} {split!r} {what} {len(wrong)} clips, {min(wrong)!r} for one: "
                f"run `audiotag verify {data.path}` and build the data set again"
            )
