"""The clips behind predictions: their rows, untouched records and sound."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import AudiotagError, audio, augment, records
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Data, Declaration, clips
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings of noise, one second each."""
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(3):
        noise = np.random.default_rng(number).normal(scale=0.1, size=RATE).astype(np.float32)
        audio.write(folder / f"{number}.wav", noise, RATE)
    return folder


def build(sounds: Path, out: Path, **options: object) -> Data:
    """Twelve clips of a quarter of a second (one shorter), four a recording, with an augmented view each."""
    declared = tuple(
        Clip(
            clip_id=f"{number}é",
            source=f"{number // 4}.wav",
            labels=("dog",),
            split=f"fold{number % 2 + 1}",
            start=number % 4 / 4,
            end=number % 4 / 4 + (0.1 if number == 5 else 0.25),
            columns={"recording": "tape" if number < 6 else "", "device": "ab"[number % 2]},
        )
        for number in range(12)
    )
    about = {"name": "noises", "version": "1", "licence": "CC0", "citation": "none", "pad": "zero"}
    declaration = Declaration(
        **about, task="multiclass", labels=Labels(("dog", "rain")), clips=declared, seconds=0.25, root=sounds
    )
    more = {"front_end": FRONT_END, "policy": augment.policy("light"), "variants": 1, "engine": ThisProcess()}
    more["allow"] = ("shared-recordings",)  # folds here only number the clips
    records.build(declaration, out, **more, **options)
    return records.open(out)


@pytest.fixture(scope="module")
def data(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    return build(sounds, tmp_path_factory.mktemp("data") / "noises")


@pytest.fixture(scope="module")
def data_with_waveforms(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    return build(sounds, tmp_path_factory.mktemp("data") / "noises", keep_waveforms=True)


def sound(sounds: Path, number: int) -> np.ndarray:
    """The clip's quarter of a second, read by soundfile."""
    whole, _ = soundfile.read(sounds / f"{number // 4}.wav", dtype="float32")
    start = number % 4 * 2000
    return np.pad(whole[start : start + 800], (0, 1200)) if number == 5 else whole[start : start + 2000]


def test_rows_come_in_the_order_asked_for_with_recording_and_duration(data) -> None:
    found = clips.clips(data, np.array(["11é", "0é", "5é"]))
    assert found.columns.tolist() == ["clip_id", "recording", "split", "labels", "duration", "device"]
    assert found["clip_id"].tolist() == ["11é", "0é", "5é"]
    assert found["recording"].tolist() == ["2.wav", "tape", "tape"]
    assert found["device"].tolist() == ["b", "a", "b"] and found["split"].tolist() == ["fold2", "fold1", "fold2"]
    np.testing.assert_allclose(found["duration"], [0.25, 0.25, 0.1])
    with pytest.raises(AudiotagError, match="lacks 1 of the 2 clips, 'cat' for one"):
        clips.clips(data, ["0é", "cat"])


def test_only_the_untouched_records_of_the_clips_asked_for_are_read(data, data_with_waveforms, sounds) -> None:
    expected = {
        key.decode(): log_mel for log_mel, _, key, _ in data.read("all", variants=0, keys=True).as_numpy_iterator()
    }
    found = {one.clip_id: one for one in clips.stored(data, ["5é", "0é", "9é", "5é"])}
    assert found.keys() == {"0é", "5é", "9é"}
    for clip_id, one in found.items():
        np.testing.assert_array_equal(one.log_mel, expected[clip_id])
        assert one.waveform is None
    for one in clips.stored(data_with_waveforms, ["5é", "8é"]):
        np.testing.assert_allclose(one.waveform, sound(sounds, int(one.clip_id[:-1])), atol=2e-5)
    assert list(clips.stored(data, [])) == []


def test_recordings_are_read_again_as_the_build_read_them(data, sounds, tmp_path) -> None:
    read = clips.recorded(data, sounds, RATE)
    for number in (0, 5, 11):
        np.testing.assert_allclose(read(f"{number}é"), sound(sounds, number), atol=1e-6)
    assert len(clips.recorded(data, sounds, 2 * RATE)("7é")) == 4000
    with pytest.raises(AudiotagError, match=r"'7é' of noises cannot be read again.*--source.*--keep-waveforms"):
        clips.recorded(data, tmp_path, RATE)("7é")


def test_a_shard_that_is_gone_is_one_clear_error(data, tmp_path) -> None:
    broken = records.open(shutil.copytree(data.path, tmp_path / "noises"))
    for shard in broken.shards("fold1"):
        shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(AudiotagError, match="missing or damaged: run `audiotag verify"):
        list(clips.stored(broken, broken.clips["clip_id"]))
