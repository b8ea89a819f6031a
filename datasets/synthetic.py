"""Synthetic sounds: twelve procedural classes, mixed one to three a clip with known onsets. Needs no download."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import fft, signal

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

LICENCE = "CC0-1.0: the sounds are computed, nobody recorded them"
CITATION = "audiotag's synthetic sounds (datasets/synthetic.py)"
SPLIT_OF_ROUND = ("train", "validation", "test", "train", "train", "train", "train")
MOST_SOUNDS = 3
# Of soundscapes: classes of a clip, events of a class, and their lengths in seconds.
SCENE_SOUNDS, SCENE_EVENTS, SCENE_SECONDS = (2, 4), (1, 3), (0.15, 1.5)


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def _harmonics(phase: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    return sum(amplitude * np.sin(order * phase) for order, amplitude in enumerate(amplitudes, 1))


def _phase(frequency: np.ndarray, sample_rate: int) -> np.ndarray:
    return 2 * np.pi * np.cumsum(frequency) / sample_rate


def _time(samples: int, sample_rate: int) -> np.ndarray:
    return np.arange(samples) / sample_rate


def _tone(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    phase = 2 * np.pi * _log_uniform(generator, 400, 2400) * _time(samples, sample_rate)
    return _harmonics(phase, generator.uniform(0, 0.15, 2).cumsum()[::-1] * [3, 1])


def _chord(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    root = _log_uniform(generator, 130, 400)
    steps = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 3, 7, 10))[generator.integers(4)]
    amplitudes = 1 / np.arange(1, 6) ** generator.uniform(1.0, 2.0)
    time = _time(samples, sample_rate)
    return sum(_harmonics(2 * np.pi * root * 2 ** (step / 12) * time, amplitudes) for step in steps)


def _sweep(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    low, octaves = _log_uniform(generator, 150, 600), generator.uniform(2.0, 3.3)
    course = np.linspace(0, 1, samples)
    if generator.random() < 0.5:
        course = course[::-1]
    return np.sin(_phase(low * 2 ** (octaves * course), sample_rate))


def _chirp(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    rate, low, octaves = generator.uniform(3, 9), _log_uniform(generator, 1500, 3000), generator.uniform(0.5, 1.1)
    turn = (rate * _time(samples, sample_rate)) % 1.0
    sounding = np.clip(turn / generator.uniform(0.4, 0.7), 0, 1)
    return np.sin(_phase(low * 2 ** (octaves * sounding), sample_rate)) * np.sin(np.pi * sounding)


def _siren(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    middle, depth, rate = _log_uniform(generator, 600, 1100), generator.uniform(0.3, 0.6), generator.uniform(1.5, 4.0)
    turn = np.sin(2 * np.pi * (rate * _time(samples, sample_rate) + generator.random()))
    return _harmonics(_phase(middle * 2 ** (depth * turn), sample_rate), np.array([1.0, 0.5, 0.3]))


def _hum(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    mains = generator.choice([50.0, 60.0]) * generator.uniform(0.97, 1.03)
    amplitudes = generator.uniform(0.3, 1.0, 9) / np.arange(1, 10) ** 0.7
    return _harmonics(2 * np.pi * mains * _time(samples, sample_rate), amplitudes)


def _bell(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    root, decay = _log_uniform(generator, 400, 1200), generator.uniform(3.0, 9.0)
    time = _time(samples, sample_rate)
    ratios = np.array([1.0, 2.0, 2.76, 4.07, 5.4]) * generator.uniform(0.99, 1.01, 5)
    return sum(np.sin(2 * np.pi * root * ratio * time) * np.exp(-decay * ratio**0.5 * time) for ratio in ratios)


def _bursts(generator: np.random.Generator, starts: np.ndarray, samples: int, decay: int) -> np.ndarray:
    """Noise bursts that begin at `starts` (samples) and decay to 1/e within `decay` samples."""
    impulses = np.zeros(samples)
    impulses[starts[starts < samples]] = 1.0
    burst = generator.standard_normal(6 * decay) * np.exp(-np.arange(6 * decay) / decay)
    return signal.fftconvolve(impulses, burst)[:samples]


def _pulse_train(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    period = sample_rate / _log_uniform(generator, 10, 24)
    starts = np.arange(0, samples, period).astype(int)
    return _bursts(generator, starts, samples, max(2, round(0.004 * sample_rate)))


def _click(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    gaps = generator.uniform(0.15, 0.45, 64) * sample_rate
    starts = np.concatenate([[0.0], gaps.cumsum()]).astype(int)
    return _bursts(generator, starts, samples, max(2, round(0.0015 * sample_rate)))


def _coloured(generator: np.random.Generator, samples: int, sample_rate: int, slope: float) -> np.ndarray:
    """Noise whose power falls as 1 / frequency ** slope above 40 Hz: 0 white, 1 pink, 2 brown."""
    length = fft.next_fast_len(samples, real=True)  # a prime length would take several times as long
    spectrum = fft.rfft(generator.standard_normal(length))
    frequencies = np.maximum(fft.rfftfreq(length, 1 / sample_rate), 40.0)
    return fft.irfft(spectrum * frequencies ** (-slope / 2), length)[:samples]


def _white_noise(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    return _coloured(generator, samples, sample_rate, generator.uniform(-0.15, 0.15))


def _pink_noise(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    return _coloured(generator, samples, sample_rate, generator.uniform(0.85, 1.15))


def _brown_noise(generator: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    return _coloured(generator, samples, sample_rate, generator.uniform(1.85, 2.3))


SOUNDS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "tone": _tone,
    "chord": _chord,
    "sweep": _sweep,
    "chirp": _chirp,
    "siren": _siren,
    "hum": _hum,
    "bell": _bell,
    "pulse train": _pulse_train,
    "click": _click,
    "white noise": _white_noise,
    "pink noise": _pink_noise,
    "brown noise": _brown_noise,
}


def _generator(*key: object) -> np.random.Generator:
    """Random numbers that depend on the key alone, whichever process draws them and in whatever order."""
    text = "/".join(str(part) for part in key)
    return np.random.default_rng(np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint32))


def render(root: Path, clip: records.Clip, sample_rate: int) -> np.ndarray:
    """The waveform of a clip: its events over faint coloured noise, scaled to a level of its own.

    Args:
        root: not used, there are no files.
        clip: `source` seeds the randomness; `events` say what sounds when.
        sample_rate: Hz.

    Returns:
        (samples,), float32, within [-0.9, 0.9].
    """
    generator = _generator(clip.source, "background")
    total = round(clip.end * sample_rate)
    mixture = np.zeros(total)
    for position, event in enumerate(clip.events):
        onset, offset = round(event.onset * sample_rate), min(round(event.offset * sample_rate), total)
        own = _generator(clip.source, position)
        sound = SOUNDS[event.label](own, offset - onset, sample_rate)
        sound = sound * signal.windows.tukey(offset - onset, min(1.0, 0.02 * sample_rate / (offset - onset)))
        level = 10 ** (own.uniform(-8.0, 0.0) / 20)
        mixture[onset:offset] += level * sound / (np.sqrt(np.mean(sound**2)) + 1e-9)
    background = _coloured(generator, total, sample_rate, generator.uniform(0.0, 1.5))
    background *= 10 ** (-generator.uniform(20.0, 40.0) / 20) * np.sqrt(np.mean(mixture**2) / np.mean(background**2))
    mixture += background
    return (mixture * generator.uniform(0.1, 0.9) / np.max(np.abs(mixture))).astype(np.float32)


def _events(source: str, first: str, seconds: float, multilabel: bool) -> tuple[records.Event, ...]:
    generator = _generator(source, "events")
    others = [name for name in SOUNDS if name != first]
    count = int(generator.integers(MOST_SOUNDS)) if multilabel else 0
    events = []
    for name in [first, *generator.choice(others, count, replace=False).tolist()]:
        length = generator.uniform(0.4, 0.9) * seconds
        onset = generator.uniform(0.0, seconds - length)
        events.append(records.Event(onset=round(onset, 3), offset=round(onset + length, 3), label=name))
    return tuple(events)


def _scene(source: str, first: str, seconds: float) -> tuple[records.Event, ...]:
    """Short events of several classes in the order of their beginnings; they overlap as it happens."""
    generator = _generator(source, "scene")
    others = [name for name in SOUNDS if name != first]
    low, high = SCENE_SOUNDS
    events = []
    for name in [first, *generator.choice(others, generator.integers(low - 1, high), replace=False).tolist()]:
        for _ in range(generator.integers(SCENE_EVENTS[0], SCENE_EVENTS[1] + 1)):
            length = min(_log_uniform(generator, *SCENE_SECONDS), 0.9 * seconds)
            onset = generator.uniform(0.0, seconds - length)
            events.append(records.Event(onset=round(onset, 3), offset=round(onset + length, 3), label=name))
    return tuple(sorted(events, key=lambda event: (event.onset, event.label)))


def declare(
    clips: int = 480, seconds: float = 2.0, seed: int = 0, multilabel: bool = True, soundscapes: bool = False
) -> records.Declaration:
    """Declare procedural sounds: every clip is computed when it is read, from its name and the seed alone.

    Twelve clips in a row hold one clip led by each class; five such rounds in seven are for training, one for
    validation, one for test, so 36 clips or more put every class into every split.

    Args:
        clips: number of clips, 1 or more.
        seconds: length of a clip, at least 0.5 s.
        seed: another seed gives other sounds.
        multilabel: mixtures of one to three different sounds a clip; False: one sound a clip (multiclass).
        soundscapes: instead of long sounds, one to three short events (0.15 to 1.5 s) of each of two to four classes,
            which overlap over the background; for sound events, whose onsets and offsets are known exactly.
    """
    if clips < 1 or not 0.5 <= seconds < math.inf:
        raise AudiotagError(f"synthetic sounds need clips >= 1 and seconds >= 0.5, received {clips} and {seconds}")
    if soundscapes and not multilabel:
        raise AudiotagError("soundscapes hold several classes a clip: leave out multilabel=False")
    kind = "scene" if soundscapes else "mixture" if multilabel else "sound"
    names, made = list(SOUNDS), []
    for index in range(clips):
        clip_id = f"{kind}-{index:05d}"
        source, first = f"seed-{seed}/{clip_id}", names[index % len(names)]
        events = _scene(source, first, seconds) if soundscapes else _events(source, first, seconds, multilabel)
        made.append(
            records.Clip(
                clip_id=clip_id,
                source=source,
                labels=tuple(dict.fromkeys(event.label for event in events)),
                split=SPLIT_OF_ROUND[index // len(names) % len(SPLIT_OF_ROUND)],
                end=seconds,
                events=events,
                columns={"sounds": str(len(events))} if multilabel else {},
            )
        )
    return records.Declaration(
        name="soundscapes" if soundscapes else "synthetic",
        version="3",
        task="multilabel" if multilabel else "multiclass",
        licence=LICENCE,
        citation=CITATION,
        labels=Labels(tuple(names)),
        clips=tuple(made),
        seconds=seconds,
        root=Path(),
        read=render,
    )
