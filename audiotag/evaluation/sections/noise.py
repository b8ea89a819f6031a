"""Where nothing sounds: what a tagger says to silence, to noise and to recordings without its classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError

Sounds = Iterable[tuple[str, np.ndarray]]

LEVELS = (-60, -40, -20)
"""Levels of the built-in noise, dBFS: RMS, where 1 is 0 dBFS."""

WINDOWS = 2
"""Windows of each built-in kind, of which there are ten."""

_SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # the amplitude falls with frequency to this power
_LOWEST = 20.0  # Hz: below it lies most of the power of brown noise, and nothing that is heard


@dataclass(frozen=True)
class FalseAlarms:
    """How often each class is found where it is not.

    A class that is noise itself ("white noise", "rain") finds itself rightly: nothing is left out, the reader judges.

    Args:
        kinds: names of the sounds: "silence", "white noise at -60 dBFS" …, or those of a folder.
        hours: (kinds,) float64, how much of each was heard.
        windows: (kinds,) int64, windows of each.
        counts: (kinds, classes) int64, windows whose score of the class reaches its threshold.
        alarmed: (kinds,) int64, windows in which any class does.
    """

    kinds: tuple[str, ...]
    hours: np.ndarray
    windows: np.ndarray
    counts: np.ndarray
    alarmed: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """False alarms an hour of each kind and class: (kinds, classes) float64."""
        return self.counts / self.hours[:, None]

    @property
    def per_hour(self) -> np.ndarray:
        """False alarms an hour of each class over all kinds together: (classes,) float64."""
        return self.counts.sum(axis=0) / self.hours.sum()

    @property
    def shares(self) -> np.ndarray:
        """Share of the windows of each kind in which any class is found: (kinds,) float64, 0 to 1."""
        return self.alarmed / self.windows

    @property
    def share(self) -> float:
        """Share of all windows in which any class is found, 0 to 1."""
        return float(self.alarmed.sum() / self.windows.sum())


@dataclass(frozen=True)
class NoiseScores:
    """What a tagger says to every window of noise.

    Args:
        kinds: (windows,) str, what sounds in each.
        scores: (windows, classes) float64.
        seconds: (windows,) float64, length of each.
    """

    kinds: np.ndarray
    scores: np.ndarray
    seconds: np.ndarray

    @property
    def hours(self) -> float:
        """How much was heard, hours."""
        return float(self.seconds.sum() / 3600)

    def false_alarms(self, thresholds: float | np.ndarray) -> FalseAlarms:
        """The false alarms at thresholds, one for all classes or (classes,)."""
        found = self.scores >= np.asarray(thresholds, np.float64)
        kinds = tuple(dict.fromkeys(self.kinds.tolist()))
        belongs = self.kinds[None, :] == np.array(kinds)[:, None]
        return FalseAlarms(
            kinds=kinds,
            hours=belongs @ self.seconds / 3600,
            windows=belongs.sum(axis=1),
            counts=belongs.astype(np.int64) @ found.astype(np.int64),
            alarmed=belongs.astype(np.int64) @ found.any(axis=1).astype(np.int64),
        )


def measure(
    score: Callable[[np.ndarray], np.ndarray], sounds: Sounds, sample_rate: int, thresholds: float | np.ndarray
) -> FalseAlarms:
    """Count the false alarms on sounds in which no class sounds.

    Args:
        score: waveforms (windows, samples) float32 to scores (windows, classes), as `AudioTagger.predict_on_batch`.
        sounds: `built_in` or `noise_folder`.
        sample_rate: of the waveforms, Hz.
        thresholds: score from which a class counts as found, one for all classes or (classes,); for a multiclass
            tagger too, since it may keep silent.

    Raises:
        AudiotagError: no sound at all.
    """
    return listen(score, sounds, sample_rate).false_alarms(thresholds)


def listen(score: Callable[[np.ndarray], np.ndarray], sounds: Sounds, sample_rate: int) -> NoiseScores:
    """Score every window of noise; arguments as of `measure`."""
    kinds, scores, seconds = [], [], []
    for kind, waveforms in sounds:
        kinds += [kind] * len(waveforms)
        scores.append(np.asarray(score(waveforms), np.float64))
        seconds += [waveforms.shape[1] / sample_rate] * len(waveforms)
    if not scores:
        raise AudiotagError("false alarms are counted on sounds, received none: name a folder of recordings")
    return NoiseScores(np.array(kinds), np.concatenate(scores), np.array(seconds))


def built_in(
    sample_rate: int, seconds: float, windows: int = WINDOWS, seed: int = 0
) -> Iterator[tuple[str, np.ndarray]]:
    """Digital silence, and white, pink and brown noise at `LEVELS`, the same at every call.

    White noise has the same power at every frequency, that of pink noise falls with the frequency, that of brown noise
    with its square; nothing lies below 20 Hz.

    Args:
        sample_rate: Hz.
        seconds: length of a window.
        windows: windows of each of the ten kinds.
        seed: of the noise.

    Yields:
        Name of the kind, and its waveforms (windows, samples), float32.
    """
    samples = round(seconds * sample_rate)
    yield "silence", np.zeros((windows, samples), np.float32)
    for number, (colour, slope) in enumerate(_SLOPES.items()):
        noise = _noise(np.random.default_rng([seed, number]), (windows, samples), sample_rate, slope)
        for level in LEVELS:
            yield f"{colour} noise at {level} dBFS", (noise * 10 ** (level / 20)).astype(np.float32)


def _noise(random: np.random.Generator, shape: tuple[int, int], sample_rate: int, slope: float) -> np.ndarray:
    """Noise of RMS 1 whose amplitude falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(random.standard_normal(shape))
    frequencies = np.fft.rfftfreq(shape[1], 1 / sample_rate)
    spectrum *= np.where(frequencies >= _LOWEST, np.maximum(frequencies, _LOWEST) ** -slope, 0.0)
    noise = np.fft.irfft(spectrum, shape[1])
    return noise / np.sqrt(np.mean(noise**2, axis=1, keepdims=True))


def noise_folder(path: Path, sample_rate: int, seconds: float) -> Iterator[tuple[str, np.ndarray]]:
    """Every window of the recordings in a folder; a recording shorter than a window is repeated.

    Args:
        path: folder of recordings in which none of the classes sounds, or one such recording.
        sample_rate: Hz.
        seconds: length of a window.

    Yields:
        Name of the kind, that of the recording or of the folder in `path` that holds it, and some of its windows
        (windows, samples), float32.

    Raises:
        AudiotagError: no such folder, or one without recordings; one that cannot be read is named.
    """
    from audiotag.tagging.files import sound_files
    from audiotag.tagging.windows import windows_of

    if not path.exists():
        raise AudiotagError(f"noise is heard from a folder of recordings, {path} does not exist: name another")
    samples = round(seconds * sample_rate)
    for file in sound_files([path]):
        kind = file.name if file == path else file.relative_to(path).parts[0]
        for part in windows_of(file, sample_rate, window=samples, hop=samples, pad="repeat"):
            yield kind, part.waveforms
