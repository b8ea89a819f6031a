"""Clips that an export is proved on, and those that 8-bit activations are fitted to: real ones where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiotag import audio, records, run_folder
from audiotag.errors import AudiotagError
from audiotag.records import Data
from audiotag.records.clips import clips_of, recorded
from audiotag.scorers import Scorer, truth
from audiotag.tagging import AudioTagger
from audiotag.tagging.files import sound_files

MOST = 100
"""How many clips an export is proved on, or fitted to."""

_LEAST = 16  # to which 8-bit activations are fitted: fewer miss the loudest values of many layers
_GENERATED = 12
_SILENCE = 1e-3  # peak of a clip that says nothing about the range of activations: -60 dB of full scale


@dataclass(frozen=True)
class Clips:
    """Clips of one length.

    Args:
        waveforms: (clips, samples) float32.
        source: where they come from, for people.
        right: what is right of them, in the tagger's classes; None: not known.
        made: whether they are made sounds.
    """

    waveforms: np.ndarray
    source: str
    right: truth.Truth | None = None
    made: bool = False

    def take(self, rows: slice) -> Clips:
        """Some of the clips."""
        positions = np.arange(len(self.waveforms))[rows]
        return replace(self, waveforms=self.waveforms[rows], right=self.right and self.right.take(positions))

    def halves(self) -> tuple[Clips, Clips]:
        """Every other clip, to prove an export on, and the others, to fit it to.

        Raises:
            AudiotagError: made sounds, or too few to fit to that are not silent.
        """
        proving, fitting = self.take(slice(0, None, 2)), self.take(slice(1, None, 2))
        silent = np.abs(fitting.waveforms).max(axis=1) < _SILENCE
        if self.made or (~silent).sum() < _LEAST:
            received = "made sounds" if self.made else f"{(~silent).sum()}, and {silent.sum()} silent ones"
            raise AudiotagError(
                f"int8 is fitted to half of the clips, at least {_LEAST} real ones with sound in them, received "
                f"{received}, of {self.source}: name a folder of recordings with --clips, or a data set with --data"
            )
        return proving, replace(fitting, waveforms=fitting.waveforms[~silent], right=None)


def of_scorer(
    scorer: Scorer, samples: int, *, data: Data | None = None, split: str | None = None, folder: Path | None = None
) -> Clips:
    """Clips for a tagger: of a folder, of a data set, of its run's validation; else made sounds.

    Args:
        scorer: what is exported; `tagger` is its own.
        samples: length of a clip at the tagger's rate.
        data: an open data set. Default: that of the run, where it is there and its sounds are.
        split: expression of its splits. Default: what the run was validated on, else all.
        folder: of sound files, instead of a data set.

    Returns:
        At most 200 clips, spread evenly over what there is.

    Raises:
        AudiotagError: a folder without sounds, or a data set without its recordings.
    """
    if folder is not None:
        return _of_folder(scorer.tagger, folder, samples)
    if data is None and scorer.kind == "run" and (found := _of_run(scorer.path)) is not None:
        data, validation = found
        split = validation if split is None else split
        if not data.waveforms and data.recordings is None:
            return _generated(scorer.tagger, samples, f"{data.name} keeps no sounds")
    if data is None:
        return _generated(scorer.tagger, samples, "no others were named")
    return _of_data(scorer.tagger, data, split or "all", samples)


def _of_run(run: Path) -> tuple[Data, str] | None:
    """The data set of a run and the splits that it was validated on; None where either is not there."""
    validation = run_folder.recipe(run).get("validation", run_folder.NO_VALIDATION)
    if validation == run_folder.NO_VALIDATION:
        return None
    try:
        return records.open(run_folder.data_folder(run)), validation
    except AudiotagError:
        return None  # it moved: a run is exported without it


def _of_data(tagger: AudioTagger, data: Data, split: str, samples: int) -> Clips:
    rows = clips_of(data, split)["clip_id"].astype(str).to_numpy()
    if not len(rows):
        raise AudiotagError(f"split {split!r} of {data.name} holds no clip: choose another split")
    chosen = _spread(rows)
    if data.front_end.sample_rate == tagger.sample_rate and data.waveforms:
        batches = data.batches(split, batch_size=32, clip_ids=set(chosen), waveforms=True)
        kept = {
            clip: sound for batch in batches for clip, sound in zip(batch["clip_id"], batch["waveform"], strict=True)
        }
        read: Callable[[str], np.ndarray] = kept.__getitem__
    elif data.recordings is not None:
        read = recorded(data, data.recordings, tagger.sample_rate)
    else:
        raise AudiotagError(
            f"an export is proved on sounds at {tagger.sample_rate} Hz, {data.name} keeps none and its recordings are "
            "not where the build found them: name a folder of sounds with --clips"
        )
    waveforms = np.stack([_fitted(read(clip), samples, tagger) for clip in chosen])
    right = truth.of_data(data, split) if data.labels.names == tagger.labels.names else None
    return Clips(waveforms, f"{data.name} {split}", right and right.take(right.rows_of(chosen)))


def _of_folder(tagger: AudioTagger, folder: Path, samples: int) -> Clips:
    recordings = [audio.Recording(file, speed=tagger.speed or 1.0) for file in _spread(sound_files([folder]))]
    end = samples / tagger.sample_rate
    waveforms = [_fitted(audio.read(each, tagger.sample_rate, end=end), samples, tagger) for each in recordings]
    return Clips(np.stack(waveforms), str(folder))


def _generated(tagger: AudioTagger, samples: int, why: str) -> Clips:
    """Noise, tones and sweeps from loud to faint, and silence."""
    random, seconds = np.random.default_rng(0), np.arange(samples) / tagger.sample_rate
    limit = tagger.sample_rate / 2
    sounds = [np.zeros(samples)]
    for number in range(1, _GENERATED):
        level, first, last = 10.0 ** -(number % 4), *random.uniform(0.01, 0.9, 2)
        sweep = np.sin(2 * np.pi * limit * (first * seconds + (last - first) * seconds**2 / (2 * seconds[-1] + 1e-9)))
        sounds.append(level * (0.5 * sweep, 0.2 * random.normal(size=samples), 0.4 * np.sign(sweep))[number % 3])
    return Clips(np.stack(sounds).astype(np.float32), f"made noise, sweeps and silence, since {why}", made=True)


def _spread(items: Sequence) -> list:
    """At most twice `MOST` items, spread evenly over all."""
    count = min(len(items), 2 * MOST)
    return [items[len(items) * position // count] for position in range(count)]


def _fitted(waveform: np.ndarray, samples: int, tagger: AudioTagger) -> np.ndarray:
    return audio.fit(waveform, samples, "zero" if tagger.pad.startswith("zero") else "repeat")
