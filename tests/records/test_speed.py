"""Recordings that are played at another speed: what is in their own time, and what in that of the network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import augment, records
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import Clip, Event, clips, strong_labels
from audiotag.records.parser import batches, parse_events
from tests.in_process import ThisProcess

BAT_RATE, SPEED = 250_000, 0.1
FRONT_END = LogMelConfig(name="tiny", sample_rate=25_000, window=500, hop=250, fft=512, mels=16, fmax=12_000.0)
BURSTS = {"bat.wav": (0.213, 0.268), "late.wav": (0.431, 0.4875)}
START, END = 0.1, 0.6  # of the clips, in the bats' own time: 5 s to hear
POLICY = """
from audiomentations import Reverse, Shift

def policy(sample_rate):
    return [Shift(0.7, 0.7, shift_unit="seconds", rollover=True, fade_duration=0.0, p=1.0), Reverse(p=1.0)]
"""


@pytest.fixture(scope="module")
def bats(tmp_path_factory: pytest.TempPathFactory) -> records.Declaration:
    """A burst of 40 kHz a recording, in noise 60 dB below, and where it is."""
    root = tmp_path_factory.mktemp("bats")
    declared = []
    for number, (name, (onset, offset)) in enumerate(BURSTS.items()):
        time = np.arange(round(0.75 * BAT_RATE)) / BAT_RATE
        call = 0.5 * np.sin(2 * np.pi * 40_000 * time) * ((time >= onset) & (time < offset))
        noise = 0.0005 * np.random.default_rng(number).standard_normal(len(time))
        soundfile.write(root / name, call + noise, BAT_RATE, subtype="FLOAT")
        way = {"read_channel": "", "read_speed": str(SPEED)}
        events = (Event(onset - START, offset - START, "call"),)
        declared.append(Clip(name, name, ("call",), "test", START, END, events, way))
    about = {"name": "bats", "version": "1", "licence": "CC0-1.0", "citation": "none", "task": "multilabel"}
    labels = Labels(("call", "other"))
    return records.Declaration(**about, labels=labels, clips=tuple(declared), seconds=5.0, root=root)


@pytest.fixture(scope="module")
def data(bats: records.Declaration, tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    folder = tmp_path_factory.mktemp("built")
    (folder / "moved.py").write_text(POLICY, encoding="utf-8")
    options = {
        "policy": augment.policy(folder / "moved.py"),
        "variants": 1,
        "engine": ThisProcess(),
        "keep_waveforms": True,
    }
    return records.open(records.build(bats, folder / "data", front_end=FRONT_END, **options).path)


def loud(levels: np.ndarray, rate: float) -> tuple[float, float]:
    """Where the one burst begins and ends, seconds; the levels are logarithmic, quiet far below loud."""
    places = np.flatnonzero(levels > (levels.min() + levels.max()) / 2)
    assert (np.diff(places) == 1).mean() > 0.9
    return places[0] / rate, (places[-1] + 1) / rate


def test_the_energy_of_the_log_mel_lies_within_the_stored_events(data: records.Data) -> None:
    every = {shard: np.ones(shard.examples, bool) for shard in data.selected_shards("test")}
    events = {
        (clip_id, int(variant)): (onset.tolist(), offset.tolist())
        for batch in batches(data.path, every, parse_events, 8)
        for clip_id, variant, onset, offset in zip(
            batch["clip_id"], batch["variant"], batch["event_onset"], batch["event_offset"], strict=True
        )
    }
    frame, seen = FRONT_END.hop / FRONT_END.sample_rate, 0
    for batch in data.batches("test", variants=None, batch_size=8):
        for clip_id, variant, log_mel in zip(batch["clip_id"], batch["variant"], batch["log_mel"], strict=True):
            (onset,), (offset,) = events[clip_id, int(variant)]
            begin, end = loud(log_mel[..., 0].max(axis=1), 1 / frame)
            # Frame n is of the samples around n * hop, one hop to either side.
            assert begin == pytest.approx(onset, abs=1.001 * frame)
            assert end - frame == pytest.approx(offset, abs=1.001 * frame)
            own = [10 * (time - START) for time in BURSTS[clip_id]]
            if variant:
                own = [5.0 - (time + 0.7) % 5.0 for time in own[::-1]]
            assert (onset, offset) == pytest.approx(own, abs=1e-5)
            seen += 1
    assert seen == 4


def test_strong_labels_are_read_in_the_time_of_what_is_heard(data: records.Data) -> None:
    for clip_id, ((onset, offset, index),) in strong_labels.strong_labels(data, "test").items():
        heard = [time * data.speed + START for time in (onset, offset)]
        assert heard == pytest.approx(BURSTS[clip_id], abs=1e-6) and index == 0


def test_a_clip_is_read_again_at_its_speed(bats: records.Declaration, data: records.Data) -> None:
    kept = {record.clip_id: record.waveform for record in clips.stored(data, list(BURSTS))}
    for source in (bats, bats.root):
        read = clips.recorded(data, source, FRONT_END.sample_rate)
        for clip_id, waveform in kept.items():
            again = read(clip_id)
            np.testing.assert_allclose(again, waveform, atol=2e-5)
            begin, end = loud(np.log(np.convolve(np.abs(again), np.ones(50), "same") + 1e-9), FRONT_END.sample_rate)
            assert (begin, end) == pytest.approx([10 * (t - START) for t in BURSTS[clip_id]], abs=0.002)
    assert clips.clips(data, list(BURSTS))["duration"].tolist() == pytest.approx([END - START] * 2)


def test_a_data_set_knows_the_speed_of_its_clips(bats, data, tmp_path: Path) -> None:
    assert (data.speed, data.channel, data.seconds) == (SPEED, None, 5.0)
    assert data.clip_format.to_dict()["speed"] == data.manifest.description["speed"] == SPEED
    mixed = (dataclasses.replace(bats.clips[0], columns={"read_channel": "1", "read_speed": "0.2"}), bats.clips[1])
    built = records.build(
        dataclasses.replace(bats, clips=mixed), tmp_path / "mixed", front_end=FRONT_END, engine=ThisProcess()
    )
    opened = records.open(built.path)
    assert (opened.speed, opened.channel) == (None, None)
    plain = tuple(dataclasses.replace(clip, columns={"read_channel": "left"}) for clip in bats.clips)
    plain = records.build(
        dataclasses.replace(bats, clips=plain), tmp_path / "plain", front_end=FRONT_END, engine=ThisProcess()
    )
    opened = records.open(plain.path)
    assert (opened.speed, opened.channel) == (1.0, "left") and "speed" not in opened.manifest.description
    with pytest.raises(AudiotagError, match=r"speed \(speed 1 / speed 0\.1\)"):
        records.build(bats, plain.path, front_end=FRONT_END, engine=ThisProcess())


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"read_speed": "slow"}, "clip 'bat.wav': read_speed must be a number, received 'slow'"),
        ({"read_speed": "0"}, "clip 'bat.wav': speed must lie between"),
        ({"read_channel": "middle"}, "clip 'bat.wav': channel must be"),
    ],
)
def test_a_clip_that_cannot_be_read_so_is_refused(bats, cells: dict[str, str], message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        dataclasses.replace(bats, clips=(dataclasses.replace(bats.clips[0], columns=cells),))
