"""Sequences of spoken words, the digits unless others are named: of single recordings, or of synthesised voices."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from audiotag import audio, progress, records, speech, storage
from audiotag.augment.randomness import generator_for
from audiotag.clips.texts import spoken
from audiotag.errors import AudiotagError
from audiotag.labels import join_cell, split_cell
from audiotag.speech import synthesis

LICENCE = "the sequences: CC0-1.0; the words as their recordings or their synthesizer's voices are"
CITATION = "audiotag's spoken digits (datasets/spoken_digits.py), by espeak-ng and flite where nobody recorded them"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MOST_WORDS = 6
SILENCE = 0.05, 0.4  # before, between and after words: seconds
LOUDNESS = -9.0, 0.0  # of a word beside the others: dB
NOISE = 10.0, 40.0  # below the words: dB
EMPTY = 0.05  # share of the clips in which nothing is said
TESTED = 0.1  # share of a speaker's recordings of a word for test, and as many for validation
SPEED, PITCH = (0.8, 1.3), (0.8, 1.2)  # of synthesised words

Recordings = Mapping[str, Mapping[str, Sequence[str]]]
"""Paths of recordings, by speaker and word."""


def join(root: Path, clip: records.Clip, sample_rate: int) -> np.ndarray:
    """The waveform of a clip: its words one after the other, with silence between them, over noise.

    Args:
        root: folder of the recordings.
        clip: its column `recordings` names them in their order, its source seeds the randomness.
        sample_rate: Hz.
    """
    random = generator_for(clip.source, "join")
    parts = [np.zeros(_pause(random, sample_rate))]
    for name in split_cell(clip.columns["recordings"]):
        word = _trimmed(audio.read(storage.inside(root, name), sample_rate))
        loud = word / (np.sqrt(np.mean(word**2)) + 1e-9)
        parts += [loud * 10 ** (random.uniform(*LOUDNESS) / 20), np.zeros(_pause(random, sample_rate))]
    if len(parts) == 1:
        parts.append(np.zeros(round(float(clip.columns["silent"]) * sample_rate)))
    waveform = np.concatenate(parts)
    noise = _coloured(random, len(waveform), sample_rate) * 10 ** (-random.uniform(*NOISE) / 20)
    mixture = waveform + noise
    return (mixture * random.uniform(0.1, 0.9) / np.abs(mixture).max()).astype(np.float32)


def _trimmed(word: np.ndarray) -> np.ndarray:
    """Without what is quieter than a hundredth of the peak at either end."""
    loud = np.flatnonzero(np.abs(word) > 0.01 * np.abs(word).max(initial=0.0))
    return word[loud[0] : loud[-1] + 1] if len(loud) else word


def _coloured(random: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Noise between white and brown, of power 1."""
    spectrum = np.fft.rfft(random.normal(size=samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / sample_rate), 20.0)
    noise = np.fft.irfft(spectrum * (frequency / 1000) ** -random.uniform(0.0, 1.0), samples)
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-9)


def _pause(random: np.random.Generator, sample_rate: int) -> int:
    return round(random.uniform(*SILENCE) * sample_rate)


def _found(root: Path, words: Sequence[str]) -> Recordings:
    """The recordings in a folder: `recordings/7_jackson_32.wav`, or `seven/SPEAKER_nohash_0.wav`."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted(root.glob("*/[!.]*.wav")):
        match = re.fullmatch(r"([0-9])_([^_]+)_[0-9]+", path.stem)
        if path.parent.name == "recordings" and match:
            word, speaker = DIGITS[int(match[1])], match[2]
        else:
            word, speaker = path.parent.name, re.split("_nohash_|_", path.stem)[0]
        if word in words:
            found.setdefault(speaker, {}).setdefault(word, []).append(path.relative_to(root).as_posix())
    if not found:
        raise AudiotagError(
            f"{root} has no recording of {', '.join(words)}: it holds recordings/DIGIT_SPEAKER_INDEX.wav or "
            "WORD/SPEAKER_….wav"
        )
    return found


def _synthesised(root: Path, words: Sequence[str], speakers: Sequence[str], takes: int) -> Recordings:
    """Words as synthesizers speak them, each time faster or slower, higher or lower; kept for the next time."""
    made: dict[str, dict[str, list[str]]] = {}
    with progress.bar("Speaking words", len(speakers) * len(words) * takes, "words") as advance:
        for speaker in speakers:
            synthesis.check(speaker)
            for word in words:
                for take in range(takes):
                    path = root / speaker.replace(":", "-") / f"{word}_{take}.wav"
                    random = generator_for(speaker, word, take)
                    manner = random.uniform(*SPEED), random.uniform(*PITCH)
                    if not path.is_file():
                        synthesis.speak(path, word, speaker, *manner)
                    made.setdefault(speaker, {}).setdefault(word, []).append(path.relative_to(root).as_posix())
                    advance(1)
    return made


def _splits(recordings: Recordings, by: str, folds: int) -> dict[tuple[str, str], dict[str, Sequence[str]]]:
    """Recordings by word, for each split and speaker."""
    parts: dict[tuple[str, str], dict[str, Sequence[str]]] = {}
    for index, (speaker, own) in enumerate(recordings.items()):
        if by == "speaker":
            parts[f"fold{index % (folds or len(recordings)) + 1}", speaker] = dict(own)
            continue
        for word, paths in own.items():
            tested = math.ceil(TESTED * len(paths))
            ends = {"test": (0, tested), "validation": (tested, 2 * tested), "train": (2 * tested, len(paths))}
            for split, (begin, end) in ends.items():
                if paths[begin:end]:
                    parts.setdefault((split, speaker), {})[word] = paths[begin:end]
    return parts


def declare(
    source: str | Path | None = None,
    words: str = ",".join(DIGITS),
    split: Literal["recording", "speaker"] = "recording",
    folds: int = 0,
    speakers: str = ",".join(synthesis.SPEAKERS),
    takes: int = 10,
    clips: int = 2400,
    seconds: float = 5.0,
    seed: int = 0,
    spoken_words: str | Path | None = None,
) -> records.Declaration:
    """Declare sequences of up to six words of one speaker each, with pauses, over noise; in some nothing is said.

    Args:
        source: folder of single recordings: Free Spoken Digit's `recordings/7_jackson_32.wav`, or a folder a word,
            `seven/SPEAKER_….wav`, as Speech Commands has. Default: synthesizers speak (Debian: espeak-ng, flite).
        words: that are spoken, separated by commas. Default: zero to nine.
        split: "recording": speakers are known, a tenth of their recordings of each word are for test, a tenth for
            validation; "speaker": a fold a speaker, so that `train --fold 1` hears the first one for the first time.
        folds: of "speaker": so many folds, which share the speakers. Default 0: one a speaker.
        speakers: that are synthesised, separated by commas; see `audiotag.speech.synthesis`.
        takes: how often each of them speaks each word, 3 or more.
        clips: how many sequences.
        seconds: length of a clip, 2 or more.
        seed: another seed gives other sequences.
        spoken_words: folder for what is synthesised. Default: in the cache.
    """
    if split not in ("recording", "speaker") or (folds and split != "speaker") or folds < 0 or folds == 1:
        raise AudiotagError(f"split is recording or speaker, folds of speakers 2 or more, received {split!r}, {folds}")
    if takes < 3 or clips < 1 or not 2 <= seconds < math.inf or seed < 0:
        raise AudiotagError(
            "takes are 3 or more, clips 1 or more, of 2 s or more, with a seed from 0 on, received "
            f"{takes}, {clips}, {seconds} s, seed {seed}"
        )
    wanted = tuple(dict.fromkeys(filter(None, map(speech.normalised, words.split(",")))))
    if source is None:
        root = Path(spoken_words or storage.cache_folder() / "spoken_words").resolve()
        recordings = _synthesised(root, wanted, [each.strip() for each in speakers.split(",")], takes)
    else:
        root = Path(source).resolve()
        recordings = _found(root, wanted)
    parts = _splits(recordings, split, folds)
    lengths = {path: audio.seconds(root / path) for own in parts.values() for paths in own.values() for path in paths}
    share = {"train": 1 - 2 * TESTED, "validation": TESTED, "test": TESTED}
    labels = speech.labels()
    made = []
    for (name, speaker), own in parts.items():
        held = sum(other == name for other, _ in parts)
        count = clips / len({other for other, _ in parts}) if split == "speaker" else clips * share[name]
        for number in range(max(round(count / held), 1)):
            clip_id = f"{name}-{speaker}-{number:04d}"
            random = generator_for(seed, clip_id)
            chosen, text = _sequence(random, own, lengths, seconds)
            columns = {"speaker": speaker, "recordings": join_cell(chosen)}
            columns["silent"] = "" if chosen else f"{random.uniform(1, seconds):.3f}"
            clip = records.Clip(clip_id, f"seed-{seed}/{clip_id}", (), name, columns=columns)
            made.append(spoken(clip, text, labels))
    return records.Declaration(
        name="spoken_digits",
        version="1",
        task="speech",
        licence=LICENCE,
        citation=CITATION,
        labels=labels,
        clips=tuple(made),
        seconds=seconds,
        root=root,
        pad="zero",
        read=join,
    )


def _sequence(
    random: np.random.Generator, own: Mapping[str, Sequence[str]], lengths: Mapping[str, float], seconds: float
) -> tuple[list[str], str]:
    """Recordings of a clip, as many as surely fit, and what is said in them."""
    if random.random() < EMPTY:
        return [], ""
    names, chosen, said, left = sorted(own), [], [], seconds - SILENCE[1]
    for _ in range(random.integers(1, MOST_WORDS + 1)):
        word = names[random.integers(len(names))]
        path = own[word][random.integers(len(own[word]))]
        left -= lengths[path] + SILENCE[1]
        if left >= 0:
            chosen.append(path)
            said.append(word)
    return chosen, " ".join(said)
