"""What is inspected: every clip of a data set, measured once in its record and, where it is there, its recording."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas

from audiotag import progress
from audiotag.errors import AudiotagError
from audiotag.inspection import energy, sounds
from audiotag.inspection.fingerprints import fingerprints, textures
from audiotag.labels import split_cell
from audiotag.records import Data, Declaration
from audiotag.records.clips import clip_of, recorded, stored
from audiotag.report.illustration import illustrate
from audiotag.report.section import Exhibit

_TOGETHER = 64  # records measured at once
MOST_HEARD = 20_000
"""Clips whose recordings are read; of more, so many, evenly chosen."""


@dataclass(frozen=True)
class Inspected:
    """Every clip of a data set, measured.

    Args:
        data: the data set.
        source: folder of its recordings, or its declaration; None: they are not at hand.
        clips: a row a clip in the records, in the order of `clips.csv`: clip_id, source, recording ("" where no column
            says it), split, labels; of its log-mel noise_level (dBFS of white noise as loud), loudest (the same of the
            loudest frame), edge (Hz, NaN for none), digest (hexadecimal); of its sound seconds, peak, level, clipped,
            rate (see `sounds.Sound`; NaN where it was not heard).
        prints: (clips, words) uint64, fingerprints in the order of the rows.
        rejected: the rows of `clips.csv` that are not in the records.
        heard: what the columns of the sound come from: "recordings", "waveforms" or "" for nothing.
        unread: clips whose recordings cannot be read now.
        against: another data set, whose clips are looked for in this one; None: none is.
    """

    data: Data
    source: Declaration | Path | None
    clips: pandas.DataFrame
    prints: np.ndarray
    rejected: pandas.DataFrame
    heard: str
    unread: tuple[str, ...] = ()
    against: Inspected | None = None

    @property
    def frames_per_second(self) -> float:
        """Of the log-mel."""
        return self.data.front_end.sample_rate / self.data.front_end.hop

    @cached_property
    def targets(self) -> np.ndarray:
        """Which classes each clip has, (clips, classes) bool."""
        targets = np.zeros((len(self.clips), len(self.data.labels)), bool)
        for row, cell in enumerate(self.clips["labels"]):
            targets[row, [self.data.labels.index(name) for name in split_cell(cell)]] = True
        return targets

    @cached_property
    def silent(self) -> np.ndarray:
        """Clips of which no frame is louder than noise at -70 dBFS, (clips,) bool."""
        return (self.clips["loudest"] < energy.SILENCE).to_numpy()

    @cached_property
    def _read(self) -> Callable[[str], np.ndarray] | None:
        if self.source is None:
            return None
        return recorded(self.data, self.source, self.data.front_end.sample_rate)

    def waveform(self, clip_id: str) -> np.ndarray | None:
        """A clip's waveform at the data set's rate, (samples,) float32; None: it is not at hand.

        Raises:
            AudiotagError: its recording cannot be read.
        """
        if self._read is not None:
            return self._read(clip_id)
        return next(stored(self.data, [clip_id])).waveform if self.data.waveforms else None

    def exhibits(self, exhibits: Sequence[Exhibit]) -> tuple[Exhibit, ...]:
        """Exhibits with picture and sound."""
        return tuple(illustrate(exhibits, self.data, self.source))


def measure(data: Data, source: Declaration | Path | None = None, *, sound: bool = True) -> Inspected:
    """Measure every clip of a data set.

    Args:
        data: an open data set.
        source: folder of its recordings, or its declaration. Default: the recordings where the build found them.
        sound: whether recordings are read and measured too.

    Raises:
        AudiotagError: a shard is missing or damaged, or nothing can be read from the source that is named.
    """
    accepted = data.clips["status"] == "ok"
    clips = data.clips[accepted].reset_index(drop=True)
    recording = clips["recording"] if "recording" in clips else pandas.Series("", clips.index, dtype=object)
    table = clips[["clip_id", "source"]].assign(recording=recording, split=clips["split"], labels=clips["labels"])
    measured, prints, of_waveforms = _records(data, clips["clip_id"].tolist())
    of_recordings: dict[str, sounds.Sound] = {}
    unread: tuple[str, ...] = ()
    if (used := data.recordings if source is None else source) is not None and sound:
        listened = clips.iloc[_evenly(len(clips), MOST_HEARD)]
        of_recordings = _listen(data, used, listened)
        if of_recordings:
            unread = tuple(clip_id for clip_id in listened["clip_id"] if clip_id not in of_recordings)
        elif source is not None:
            root = source if isinstance(source, Path) else source.root
            raise AudiotagError(
                f"no clip of {data.name} can be read from {root}: name the recordings that it was built from"
            )
    sound_of = of_recordings or of_waveforms
    columns = pandas.DataFrame(
        [vars(sound_of[clip_id]) if clip_id in sound_of else {} for clip_id in table["clip_id"]],
        columns=[field.name for field in fields(sounds.Sound)],
        dtype=float,
    )
    origin = "recordings" if of_recordings else "waveforms" if of_waveforms else ""
    return Inspected(data, used, table.join(measured).join(columns), prints, data.clips[~accepted], origin, unread)


def _listen(data: Data, source: Declaration | Path, rows: pandas.DataFrame) -> dict[str, sounds.Sound]:
    """What the recordings of rows of `clips.csv` sound like, by clip."""
    cells = rows.assign(end=["" if np.isnan(end) else str(end) for end in rows["end"]]).to_dict("records")
    return sounds.measure_all(source, list(map(clip_of, cells)), data.front_end.sample_rate)


def _records(data: Data, clip_ids: list[str]) -> tuple[pandas.DataFrame, np.ndarray, dict[str, sounds.Sound]]:
    """Columns, fingerprints and what the kept waveforms sound like, from one pass through the records."""
    config, samples = data.front_end, data.samples
    rate, unit = config.sample_rate / config.hop, energy.nepers(config)
    row_of = {clip_id: row for row, clip_id in enumerate(clip_ids)}
    columns: dict[str, np.ndarray] = {
        **{name: np.full(len(clip_ids), np.nan) for name in ("noise_level", "loudest", "edge")},
        "digest": np.full(len(clip_ids), "", object),
    }
    prints, heard = None, {}
    with progress.bar(f"Reading {data.path.name}", len(clip_ids), "clips") as advance:
        for batch in data.batches(batch_size=_TOGETHER, waveforms=data.waveforms):
            values, rows = batch["log_mel"][..., 0], [row_of[clip_id] for clip_id in batch["clip_id"]]
            bands = energy.energies(values, config)
            frames = bands.sum(axis=2)
            columns["noise_level"][rows] = energy.level(frames.mean(axis=1), config, samples)
            columns["loudest"][rows] = energy.level(frames.max(axis=1), config, samples)
            edges = [energy.edge(louder, config) for louder in energy.usually_exceeded(bands)]
            columns["edge"][rows] = [np.nan if frequency is None else frequency for frequency in edges]
            columns["digest"][rows] = [hashlib.blake2b(clip.tobytes(), digest_size=16).hexdigest() for clip in values]
            own = fingerprints(textures(values, rate, unit), rate)
            if prints is None:
                prints = np.zeros((len(clip_ids), own.shape[1]), own.dtype)
            prints[rows] = own
            if data.waveforms:
                measured = [sounds.measure(waveform, config.sample_rate) for waveform in batch["waveform"]]
                heard |= dict(zip(batch["clip_id"], measured, strict=True))
            advance(len(rows))
    return pandas.DataFrame(columns), np.zeros((0, 1), np.uint64) if prints is None else prints, heard


def _evenly(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
