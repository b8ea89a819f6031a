"""A data set of speech whose letters are tones, so that a small network learns to spell in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records, speech
from audiotag.clips.texts import spoken
from audiotag.frontend import LogMelConfig
from audiotag.records import Clip, Declaration
from tests.in_process import ThisProcess

RATE, SECONDS = 8000, 1.2
FRONT_END = LogMelConfig(
    name="tones", sample_rate=RATE, window=200, hop=80, fft=256, mels=16, fmax=4000.0, preemphasis=0.0
)
LABELS = speech.labels("ab")
_FREQUENCIES = {"a": 400.0, "b": 1500.0}


def said(text: str, seed: int = 0) -> np.ndarray:
    """A tone of 0.12 s for each letter and 0.08 s of silence after it, twice as much for a space; over faint noise."""
    parts = [np.zeros(800)]
    for letter in text:
        time = np.arange(960) / RATE
        parts.append(0.3 * np.sin(2 * np.pi * _FREQUENCIES.get(letter, 0.0) * time))
        parts.append(np.zeros(640))
    waveform = np.concatenate(parts)
    noise = np.random.default_rng(seed).normal(scale=0.003, size=len(waveform))
    return (waveform + noise).astype(np.float32)


def text_of(number: int) -> str:
    """One or two words of one to three letters, five characters at most; each ninth clip says nothing."""
    random = np.random.default_rng(number)
    if number % 9 == 8:
        return ""
    words = ("".join(random.choice(["a", "b"], random.integers(1, 4))) for _ in range(random.integers(1, 3)))
    return " ".join(words)[:5].strip()


def declared(folder: Path, count: int = 45) -> Declaration:
    """Two thirds for training, one for the test, of two speakers who sound the same."""
    clips = []
    for number in range(count):
        text = text_of(number)
        audio.write(folder / f"{number}.wav", said(text or "      ", number), RATE)
        split = "test" if number % 3 == 2 else "train"
        clip = Clip(f"clip{number}", f"{number}.wav", (), split, columns={"speaker": "xy"[number % 2]})
        clips.append(spoken(clip, text, LABELS))
    about = {"name": "tones", "version": "1", "licence": "CC0", "citation": "none", "seconds": SECONDS}
    return Declaration(**about, task="speech", labels=LABELS, clips=tuple(clips), root=folder, pad="zero")


@pytest.fixture(scope="session")
def spoken_tones(tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    folder = tmp_path_factory.mktemp("spoken_tones")
    records.build(declared(folder), folder / "data", front_end=FRONT_END, engine=ThisProcess())
    return records.open(folder / "data")
