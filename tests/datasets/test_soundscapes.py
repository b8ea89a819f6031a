"""Soundscapes of recordings: what their events say can be heard, and splits stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records
from audiotag.clips.declaration import load_file
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.storage import find_in_library
from tests.small_data import FRONT_END, RATE

PITCHES = {"high": 2400.0, "low": 400.0, "middle": 1000.0}
SECONDS = 4.0


def sound(pitch: float, parts: list[tuple[float, float]], seconds: float, seed: int) -> np.ndarray:
    """A tone that sounds in some parts of a recording, over noise that is 50 dB below it."""
    time = np.arange(round(seconds * RATE)) / RATE
    sounding = np.any([(start <= time) & (time < end) for start, end in parts], axis=0)
    noise = np.random.default_rng(seed).normal(scale=0.001, size=len(time))
    return (0.5 * sounding * np.sin(2 * np.pi * pitch * time) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each class two recordings a split, which sound twice: 0.2 to 0.5 s, and 1.0 s on for a time of their own."""
    root = tmp_path_factory.mktemp("recordings")
    for number, split in enumerate(("train", "validation", "test")):
        for place, (name, pitch) in enumerate(PITCHES.items()):
            for take in range(2):
                seed = 100 * number + 10 * place + take
                parts = [(0.2, 0.5), (1.0, 1.2 + 0.01 * seed)]
                audio.write(root / split / name / f"{take}.wav", sound(pitch, parts, 5.0, seed), RATE)
        audio.write(root / split / "wind" / "0.wav", sound(3500.0, [(0.0, 1.0)], 1.0, number), RATE)
    audio.write(root / "train" / "low" / "silent.wav", np.zeros(RATE, np.float32), RATE)
    return root


@pytest.fixture(scope="module")
def built(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "tones"
    records.build(records.declare("folder", source=recordings, seconds=5), out, front_end=FRONT_END, workers=1)
    return out


def test_a_class_is_heard_where_its_events_say_so_and_nowhere_else(built: Path) -> None:
    declared = records.declare("soundscapes", source=built, background="wind", clips=60, seconds=SECONDS)
    assert declared.task == "multilabel" and tuple(declared.labels) == ("high", "low", "middle")
    counts = {split: sum(clip.split == split for clip in declared.clips) for split in ("train", "validation", "test")}
    assert counts == {"train": 20, "validation": 20, "test": 20}  # as the clips that sound are
    overlapping, size = 0, RATE // 50
    for clip in declared.clips:
        waveform = declared.read(declared.root, clip, RATE)
        assert waveform.dtype == np.float32 and len(waveform) == SECONDS * RATE and np.abs(waveform).max() <= 0.9
        np.testing.assert_array_equal(waveform, declared.read(declared.root, clip, RATE))
        frames = np.abs(np.fft.rfft(waveform.reshape(-1, size) * np.hanning(size), axis=1))
        assert set(clip.labels) == {event.label for event in clip.events}
        overlapping += any(one.offset > other.onset for one, other in zip(clip.events, clip.events[1:], strict=False))
        for name, pitch in PITCHES.items():
            times = (np.arange(len(frames)) + 0.5) * size / RATE
            own = [(event.onset, event.offset) for event in clip.events if event.label == name]
            inside = np.any([(start + 0.02 < times) & (times < end - 0.02) for start, end in own], axis=0) | (times < 0)
            near = np.any([(start - 0.02 < times) & (times < end + 0.02) for start, end in own], axis=0) | (times < 0)
            power = frames[:, round(pitch * size / RATE)]
            background = frames[:, 70]  # 3500 Hz, the wind
            assert np.all(power[inside] > 0.5 * np.median(background))
            assert np.all(power[~near] < 0.5 * np.median(background))
    assert overlapping > 10


def test_a_split_is_made_of_the_clips_of_the_same_split(built: Path) -> None:
    declared = records.declare("soundscapes", source=built, background="wind", clips=60, seconds=SECONDS)
    for clip in declared.clips:
        used = [*split_cell(clip.columns["recordings"]), clip.columns["background"]]
        assert {name.split("/")[0] for name in used} == {clip.split}
        assert [name.split("/")[1] for name in used[:-1]] == [event.label for event in clip.events]
    again = records.declare("soundscapes", source=built, background="wind", clips=60, seconds=SECONDS)
    other = records.declare("soundscapes", source=built, background="wind", clips=60, seconds=SECONDS, seed=1)
    assert again.clips == declared.clips and again.version == declared.version
    assert other.clips != declared.clips and other.version != declared.version


def test_events_of_one_class_lie_apart_and_none_is_longer_than_it_may_be(built: Path) -> None:
    declared = records.declare("soundscapes", source=built, clips=60, seconds=1.5, events=8)
    assert max(len(clip.events) for clip in declared.clips) > 3
    for clip in declared.clips:
        for event in clip.events:
            assert event.onset >= 0 and event.offset <= 1.5 and event.offset - event.onset <= 0.9 + 1e-9
            later = [other for other in clip.events if other.label == event.label and other.onset > event.onset]
            assert all(other.onset - event.offset >= 0.25 - 1e-9 for other in later)
        assert np.isfinite(declared.read(declared.root, clip, 4000)).all()


def test_what_is_left_out_is_named(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records.declare("soundscapes", source=built, clips=6)
    assert "silent.wav: left out, nothing sounds in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([(0.2, 0.5), (1.0, 1.5)], [(0.2, 0.5), (1.0, 1.5)]),
        ([(0.2, 0.5), (0.7, 0.9)], [(0.2, 0.9)]),
        ([(0.0, 2.0)], [(0.0, 2.0)]),
        ([(0.2, 0.25), (1.0, 1.5)], [(1.0, 1.5)]),
    ],
)
def test_a_sound_ends_where_it_has_been_quiet_for_a_quarter_of_a_second(parts, found) -> None:
    sounding = load_file(find_in_library("datasets", "soundscapes")).sounding
    np.testing.assert_allclose(sounding(sound(1000.0, parts, 2.0, 1), RATE), found, atol=0.011)
    assert sounding(np.zeros(RATE, np.float32), RATE) == []
    assert sounding(np.zeros(3, np.float32), RATE) == []


def test_what_cannot_be_used_is_one_line(built: Path, tmp_path: Path, recordings: Path) -> None:
    for wrong in ({"clips": 0}, {"seconds": 0.5}, {"seconds": float("nan")}, {"events": 0}, {"seed": -1}):
        with pytest.raises(AudiotagError, match="received"):
            records.declare("soundscapes", source=built, **wrong)
    with pytest.raises(AudiotagError, match="'storm'"):
        records.declare("soundscapes", source=built, background="storm")
    with pytest.raises(AudiotagError, match="is no background"):
        records.declare("soundscapes", source=built, background="high;low;middle;wind")
    records.build(
        records.declare("synthetic", clips=36, seconds=0.5), tmp_path / "none", front_end=FRONT_END, workers=1
    )
    with pytest.raises(AudiotagError, match="no files"):
        records.declare("soundscapes", source=tmp_path / "none")
