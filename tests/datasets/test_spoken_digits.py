"""Sequences of spoken words: what is in them, who speaks in which split, and what synthesizers say."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records
from audiotag.clips.declaration import load_file
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.speech import synthesis
from audiotag.storage import find_in_library

RATE = 8000
DIGITS = ("zero", "one", "two")


def tone(path: Path, pitch: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(0.3 * RATE)) / RATE
    noise = np.random.default_rng(zlib.crc32(path.name.encode())).normal(scale=0.001, size=len(time))
    audio.write(path, (0.3 * np.sin(2 * np.pi * pitch * time) + noise).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Free Spoken Digit's layout: three digits, a tone each, five takes of three speakers."""
    folder = tmp_path_factory.mktemp("fsdd")
    for digit in range(3):
        for speaker in ("ann", "bob", "eve"):
            for take in range(5):
                tone(folder / "recordings" / f"{digit}_{speaker}_{take}.wav", 500.0 * (digit + 1))
    return folder


def test_a_sequence_is_its_words_one_after_the_other(recordings: Path) -> None:
    declared = records.declare("spoken_digits", source=recordings, clips=60, seconds=4)
    assert (declared.task, declared.pad, len(declared.clips)) == ("speech", "zero", 60)
    join = load_file(find_in_library("datasets", "spoken_digits")).join
    for clip in declared.clips[:20]:
        sound, names = join(declared.root, clip, RATE), split_cell(clip.columns["recordings"])
        assert len(sound) <= 4 * RATE and np.abs(sound).max() <= 0.9
        digits = [int(Path(name).name[0]) for name in names]
        assert clip.text == " ".join(DIGITS[digit] for digit in digits)
        assert {Path(name).name.split("_")[1] for name in names} <= {clip.columns["speaker"]}
        # In every tenth of a second the loudest of the three tones.
        frames = sound[: len(sound) // 400 * 400].reshape(-1, 400)
        power = np.abs(np.fft.rfft(frames * np.hanning(400), axis=1))[:, [25, 50, 75]]
        loud = power.max(axis=1) > 0.3 * power.max(initial=0.0) if names else np.zeros(len(power), bool)
        heard = [int(power[i].argmax()) for i in np.flatnonzero(loud)]
        kept = [heard[i] for i in range(len(heard)) if i == 0 or heard[i] != heard[i - 1]]
        assert kept == [digit for i, digit in enumerate(digits) if i == 0 or digit != digits[i - 1]]
        np.testing.assert_array_equal(sound, join(declared.root, clip, RATE))
    assert any(not clip.text for clip in declared.clips)
    assert declared.clips == records.declare("spoken_digits", source=recordings, clips=60, seconds=4).clips


def test_no_recording_and_with_folds_no_speaker_is_in_two_splits(recordings: Path) -> None:
    for options, kind in (({}, "recordings"), ({"split": "speaker"}, "speaker")):
        declared = records.declare("spoken_digits", source=recordings, clips=90, **options)
        held: dict[str, set[str]] = {}
        for clip in declared.clips:
            held.setdefault(clip.split, set()).update(split_cell(clip.columns[kind]))
        splits = sorted(held)
        assert splits == (["fold1", "fold2", "fold3"] if options else ["test", "train", "validation"])
        assert all(not held[one] & held[other] for one in splits for other in splits if one < other)
    declared = records.declare("spoken_digits", source=recordings, clips=90, split="speaker", folds=2)
    assert {clip.split for clip in declared.clips} == {"fold1", "fold2"}


def test_a_folder_a_word_is_read_too(tmp_path: Path) -> None:
    for word in ("yes", "no"):
        for speaker in ("a1", "b2"):
            for take in range(3):
                tone(tmp_path / word / f"{speaker}_nohash_{take}.wav", 500.0)
    declared = records.declare("spoken_digits", source=tmp_path, words="yes, No", clips=30, split="speaker")
    assert {clip.columns["speaker"] for clip in declared.clips} == {"a1", "b2"}
    assert {word for clip in declared.clips for word in clip.text.split()} == {"yes", "no"}
    with pytest.raises(AudiotagError, match="has no recording of zero, one"):
        records.declare("spoken_digits", source=tmp_path)


@pytest.mark.parametrize("options", [{"split": "fold"}, {"folds": 2}, {"takes": 2}, {"clips": 0}, {"seconds": 1.0}])
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(AudiotagError, match="received"):
        records.declare("spoken_digits", **options)


@pytest.mark.parametrize("speaker", ["espeak-ng:en-us+m1", "flite:slt"])
def test_a_synthesizer_speaks(speaker: str, tmp_path: Path) -> None:
    if shutil.which(speaker.split(":")[0]) is None:
        pytest.skip(f"the program {speaker.split(':')[0]} is not installed")
    for name, speed in (("slow", 0.8), ("again", 0.8), ("fast", 1.3)):
        synthesis.speak(tmp_path / f"{name}.wav", "seven", speaker, speed)
    slow, again, fast = ((tmp_path / f"{name}.wav").read_bytes() for name in ("slow", "again", "fast"))
    assert slow == again and len(fast) < 0.8 * len(slow)
    options = {"words": "one,two", "speakers": speaker, "takes": 3, "clips": 10, "spoken_words": tmp_path}
    declared = records.declare("spoken_digits", **options)
    assert {clip.columns["speaker"] for clip in declared.clips} == {speaker}
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*_*.wav")}
    assert len(made) == 6 and declared.clips == records.declare("spoken_digits", **options).clips
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*_*.wav")}


def test_what_cannot_speak_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for speaker in ("siri:x", "flite", "flite:"):
        with pytest.raises(AudiotagError, match="a speaker is espeak-ng:VOICE or flite:VOICE"):
            synthesis.check(speaker)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudiotagError, match="not installed here: apt install flite"):
        records.declare("spoken_digits", spoken_words=tmp_path)
