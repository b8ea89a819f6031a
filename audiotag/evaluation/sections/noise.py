"""Where nothing sounds: which classes answer to silence, to noise and to recordings without any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.evaluation.evaluated import Evaluation
from audiotag.metrics.predictions import DEFAULT_THRESHOLD
from audiotag.records import Data
from audiotag.report import formats
from audiotag.report.formats import rate
from audiotag.report.section import Section, Table
from audiotag.scorers import Scorer

Sounds = Iterable[tuple[str, np.ndarray]]

LEVELS = (-60, -40, -20)
"""Levels of the built-in noise, dBFS: RMS, where 1 is 0 dBFS."""

WINDOWS = 2
"""Windows of each built-in kind, of which there are ten."""

SILENCE = "silence"
_TITLE = "Noise and silence"
_LEVEL = re.compile(r" at -\d+ dBFS$")
_NAMED, _LISTED = 3, 5
_SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # the amplitude falls with frequency to this power
_LOWEST = 20.0  # Hz: below it lies most of the power of brown noise, and nothing that is heard


@dataclass(frozen=True)
class FalseAlarms:
    """How often each class answers where it should not.

    A class that is noise itself ("white noise", "rain") answers rightly: nothing is left out, the reader decides.

    Args:
        kinds: names of the sounds: "silence", "white noise at -60 dBFS" …, or those of a folder.
        hours: (kinds,) float64, how much of each there was, in the recordings' own time.
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
    def per_hour(self) -> np.ndarray:
        """False alarms an hour of each class over all kinds together: (classes,) float64."""
        return self.counts.sum(axis=0) / self.hours.sum()


@dataclass(frozen=True)
class NoiseScores:
    """Scores of every window of noise.

    Args:
        kinds: (windows,) str, what sounds in each.
        scores: (windows, classes) float64.
        seconds: (windows,) float64, length of each in the recordings' own time.
    """

    kinds: np.ndarray
    scores: np.ndarray
    seconds: np.ndarray

    @property
    def hours(self) -> float:
        """How much noise there was, hours."""
        return float(self.seconds.sum() / 3600)

    def false_alarms(self, thresholds: float | np.ndarray) -> FalseAlarms:
        """The false alarms at thresholds, one for all classes or (classes,)."""
        answers = self.scores >= np.asarray(thresholds, np.float64)
        kinds = tuple(dict.fromkeys(self.kinds.tolist()))
        belongs = self.kinds[None, :] == np.array(kinds)[:, None]
        return FalseAlarms(
            kinds=kinds,
            hours=belongs @ self.seconds / 3600,
            windows=belongs.sum(axis=1),
            counts=belongs.astype(np.int64) @ answers.astype(np.int64),
            alarmed=belongs.astype(np.int64) @ answers.any(axis=1).astype(np.int64),
        )


def measure(evaluation: Evaluation) -> Section:
    """False alarms of all models together, by class and kind of noise."""
    if any(each.scorer is None for each in evaluation.scored):
        note = "false alarms on noise were not measured: a table of scores cannot listen"
        return Section(_TITLE, notes=(note,), values={"noise": None})
    parts = []
    for each in evaluation.scored:
        seconds = each.scorer.input.seconds or each.data.seconds
        noise = scores_of_noise(each.scorer, evaluation.noise_folder, each.data, seconds)
        parts.append(replace(noise, scores=noise.scores[:, each.predicted.positions]))
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("kinds", "scores", "seconds")}
    noise, limits = NoiseScores(**joined), evaluation.predictions.limits
    measured = section(noise.false_alarms(limits), evaluation.predictions.labels.names)
    answered, before = (int(noise.false_alarms(each).alarmed.sum()) for each in (limits, DEFAULT_THRESHOLD))
    if answered <= before:
        return measured
    raised = f"the thresholds answer in {answered} of {len(noise.kinds)} windows of noise, 0.5 would in {before}"
    remedy = "`audiotag calibrate --aim false-alarms=1` chooses quieter ones"
    return replace(measured, conclusions=(*measured.conclusions, f"{raised}: {remedy}"))


def section(alarms: FalseAlarms, names: tuple[str, ...]) -> Section:
    """The section of false alarms; `names`: of the classes."""
    hours, parts = float(alarms.hours.sum()), (alarms.counts, alarms.windows, alarms.alarmed)
    counts, windows, alarmed = (np.concatenate([part, [part.sum(axis=0)]]) for part in parts)
    answers = [_answering(own, names, "{} ({})", _LISTED) or "none" for own in counts]
    columns = ["noise", "classes that answer (windows)", "windows", "answered"]
    rows = zip((*alarms.kinds, "all kinds"), answers, windows.tolist(), alarmed.tolist(), strict=True)
    note = f"{hours * 60:.1f} minutes were scored: one false alarm counts as {1 / hours:.2g} an hour."
    return Section(
        _TITLE,
        how="Which classes answer where there is nothing but noise. A class that is itself noise (rain, wind) may.",
        conclusions=conclude(alarms, names),
        scalars={"share_of_windows_answered": float(alarmed[-1] / windows[-1])},
        tables=(Table(columns, list(map(list, rows)), note=note),),
        columns={f"false alarms/h in {hours:.2g} h of noise": [rate(value) for value in alarms.per_hour.tolist()]},
        values={"noise": alarms},
    )


def conclude(alarms: FalseAlarms, names: tuple[str, ...]) -> tuple[str, ...]:
    """What to conclude: a class that answers to one kind of noise only may be that noise, any other alarm is false.

    The levels of built-in noise are one kind.
    """
    kinds = [_LEVEL.sub("", kind) for kind in alarms.kinds]
    counts, windows = (dict.fromkeys(kinds, 0) for _ in range(2))
    for place, kind in enumerate(kinds):
        counts[kind] += alarms.counts[place]
        windows[kind] += alarms.windows[place]
    total, silent = alarms.counts.sum(axis=0), counts.get(SILENCE, np.zeros(len(names), np.int64))
    particular = (np.sum([each > 0 for each in counts.values()], axis=0) == 1) & (silent == 0)
    lines, where = [], "noise and silence" if SILENCE in windows else "noise"
    if particular.any():
        where = "silence or several kinds of noise" if SILENCE in windows else "several kinds of noise"
        answers = [
            f"{names[index]} in {counts[kind][index]} of {windows[kind]} windows of {kind}"
            for kind in counts
            for index in _loudest(np.where(particular, counts[kind], 0))
        ]
        verdict = "right for a class that is this noise, else a false alarm"
        lines.append(f"answers to one kind of noise only: {formats.names(answers, _NAMED)}: {verdict}")
    answering = _answering(np.where(particular, 0, total), names, "{} {}", _NAMED)
    alarmed = f"{answering} of" if answering else "none in"
    if silent.any():
        in_silence = _answering(silent, names, "{} {}", _NAMED)
        alarmed = f"{in_silence} of {windows[SILENCE]} windows of silence, in all {alarmed}"
    return (*lines, f"false alarms in {where}: {alarmed} {int(alarms.windows.sum())} windows")


def scores_of_noise(
    scorer: Scorer, folder: Path | None, data: Data, seconds: float, windows: int = WINDOWS
) -> NoiseScores:
    """Scores of every window of the recordings in a folder; without one, of so many windows of each built-in kind.

    Args:
        scorer: what scores.
        folder: recordings in which none of the classes sounds.
        data: data set whose channel and speed they are read with; the seconds of the result are the recordings' own.
        seconds: length of a window as it is heard.
        windows: of each built-in kind.

    Raises:
        AudiotagError: the clips of the data set are played at several speeds, or as of `noise_folder`.
    """
    if folder is None:
        sounds = built_in(scorer.sample_rate, seconds, windows)
    elif data.speed is None:
        raise AudiotagError(
            f"recordings of noise are played at the speed of the clips, {data.name} has several: leave --noise out"
        )
    else:
        sounds = noise_folder(folder, scorer.sample_rate, seconds, data.channel, data.speed)
    return listen(scorer.predict_on_batch, sounds, scorer.sample_rate / (data.speed or 1.0))


def _loudest(counts: np.ndarray) -> list[int]:
    """Classes that answer at all, the most frequent first."""
    return [int(index) for index in np.argsort(-counts, kind="stable") if counts[index]]


def _answering(counts: np.ndarray, names: tuple[str, ...], form: str, most: int) -> str:
    """The classes that answer most, with their number of windows; "" where none does."""
    return formats.names([form.format(names[index], counts[index]) for index in _loudest(counts)], most)


def listen(score: Callable[[np.ndarray], np.ndarray], sounds: Sounds, sample_rate: int) -> NoiseScores:
    """Score every window of noise.

    Args:
        score: waveforms (windows, samples) float32 to scores (windows, classes), as `AudioTagger.predict_on_batch`.
        sounds: `built_in` or `noise_folder`.
        sample_rate: of the waveforms, Hz; of recordings that were played slower or faster, divided by their speed.

    Raises:
        AudiotagError: no sound at all.
    """
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
    yield SILENCE, np.zeros((windows, samples), np.float32)
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


def noise_folder(
    path: Path, sample_rate: int, seconds: float, channel: str | None = None, speed: float = 1.0
) -> Iterator[tuple[str, np.ndarray]]:
    """Every window of the recordings in a folder; a recording shorter than a window is repeated.

    Args:
        path: folder of recordings in which none of the classes sounds, or one such recording.
        sample_rate: Hz.
        seconds: length of a window as it is heard.
        channel: as of `audio.Recording`.
        speed: how fast they are played.

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
        recording = audio.Recording(file, channel, speed)
        for part in windows_of(recording, sample_rate, window=samples, hop=samples, pad="repeat"):
            yield kind, part.waveforms
