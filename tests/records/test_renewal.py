"""Recordings that change after a build: the same command takes them up, with the bytes of a fresh build."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records, storage
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.records import renewal
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)


def noise(path: Path, seed: int, seconds: float = 0.05) -> None:
    sound = np.random.default_rng(seed).normal(scale=0.1, size=round(seconds * RATE)).astype(np.float32)
    audio.write(path, sound, RATE)


@pytest.fixture(autouse=True)
def recordings_are_tried_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has changed is looked at without a worker process, but in the builds that are killed."""
    monkeypatch.setattr(renewal, "Local", lambda workers: ThisProcess())


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Two classes of 60 recordings, one of which is none."""
    root = tmp_path / "sounds"
    for seed in range(120):
        noise(root / "ab"[seed % 2] / f"{seed}.wav", seed)
    (root / "a" / "0.wav").write_text("no sound", encoding="utf-8")
    return root


def build(root: Path, out: Path, **options: object) -> records.BuildReport:
    return records.build(records.declare(root, seconds=0.05), out, front_end=FRONT_END, engine=ThisProcess(), **options)


def contents(data: Path) -> dict[str, str]:
    return {
        path.relative_to(data).as_posix(): storage.sha256(path)
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.name != "dataset.json"
    } | {"fingerprint": records.open(data).fingerprint}


def shards(data: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (data / "records").iterdir()}


def check_equal_to_a_fresh_build(root: Path, data: Path, fresh: Path) -> None:
    build(root, fresh)
    assert contents(data) == contents(fresh)
    assert not records.verify(data)


def test_a_changed_recording_is_taken_up_and_the_other_shards_are_kept(sounds: Path, tmp_path: Path) -> None:
    build(sounds, tmp_path / "data")
    before = shards(tmp_path / "data")
    assert len(before) == 4
    noise(sounds / "b" / "1.wav", 1000)
    report = build(sounds, tmp_path / "data")
    assert (report.existed, report.rejected) == (False, 1)
    after = shards(tmp_path / "data")
    assert sum(before[name] == after[name] for name in before) == 3
    assert not (tmp_path / ".data.incomplete").exists()
    check_equal_to_a_fresh_build(sounds, tmp_path / "data", tmp_path / "fresh")
    assert build(sounds, tmp_path / "data").existed


def test_a_repaired_recording_is_taken_up_even_where_it_changes_clips_and_splits(sounds: Path, tmp_path: Path) -> None:
    build(sounds, tmp_path / "data")
    noise(sounds / "a" / "0.wav", 1000, seconds=0.15)  # three clips now, and one more recording to draw from
    report = build(sounds, tmp_path / "data")
    assert (report.existed, report.clips, report.rejected) == (False, 122, 0)
    check_equal_to_a_fresh_build(sounds, tmp_path / "data", tmp_path / "fresh")


def test_a_data_set_that_does_not_know_its_recordings_takes_up_what_was_rejected(sounds: Path, tmp_path: Path) -> None:
    build(sounds, tmp_path / "data")
    (tmp_path / "data" / "sources.csv").unlink()
    noise(sounds / "b" / "1.wav", 1000)  # not known to have changed
    assert build(sounds, tmp_path / "data").existed
    noise(sounds / "a" / "0.wav", 1000)
    assert build(sounds, tmp_path / "data").rejected == 0


def test_another_time_is_no_change_and_a_recording_that_has_gone_keeps_its_record(sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    files = sorted(path.relative_to(sounds).as_posix() for path in sounds.rglob("*.wav"))
    table.write_text("path,label,split\n" + "".join(f"{name},{name[0]},train\n" for name in files), encoding="utf-8")
    declare = lambda: records.declare(sounds, table=table, seconds=0.05)  # noqa: E731
    records.build(declare(), tmp_path / "data", front_end=FRONT_END, engine=ThisProcess())
    os.utime(sounds / "b" / "1.wav", ns=(1, 1))
    (sounds / "b" / "3.wav").unlink()
    report = records.build(declare(), tmp_path / "data", front_end=FRONT_END, engine=ThisProcess())
    assert (report.existed, report.rejected) == (True, 1)


def test_new_recordings_are_taken_up_and_another_seed_is_another_data_set(sounds: Path, tmp_path: Path) -> None:
    build(sounds, tmp_path / "data")
    noise(sounds / "b" / "1.wav", 1000)
    noise(sounds / "b" / "new.wav", 1001)
    with pytest.raises(AudiotagError, match=r"seed \(0 / 1\)"):
        build(sounds, tmp_path / "data", seed=1)
    report = build(sounds, tmp_path / "data")
    assert (report.existed, report.clips, report.rejected) == (False, 121, 1)
    check_equal_to_a_fresh_build(sounds, tmp_path / "data", tmp_path / "fresh")


def test_a_recording_that_a_folder_has_no_longer_makes_another_data_set(sounds: Path, tmp_path: Path) -> None:
    build(sounds, tmp_path / "data")
    noise(sounds / "b" / "new.wav", 1001)
    (sounds / "b" / "1.wav").unlink()
    with pytest.raises(AudiotagError, match=r"as many, not the same clips\D*choose another folder"):
        build(sounds, tmp_path / "data")


def test_another_cell_of_a_table_is_another_data_set_whatever_has_changed(sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    for device in "xy":
        table.write_text(f"path,label,device\na/2.wav,a,{device}\nb/1.wav,b,z\n", encoding="utf-8")
        declared = records.declare(sounds, table=table, seconds=0.05)
        if device == "x":
            records.build(declared, tmp_path / "data", front_end=FRONT_END, engine=ThisProcess())
            noise(sounds / "b" / "1.wav", 1000)
        else:
            with pytest.raises(AudiotagError, match="as many, not the same clips"):
                records.build(declared, tmp_path / "data", front_end=FRONT_END, engine=ThisProcess())


def test_what_lies_beside_the_records_goes_over_and_is_named(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(sounds, tmp_path / "data")
    (tmp_path / "data" / "teachers" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "teachers" / "mine" / "teacher.json").write_text("{}", encoding="utf-8")
    noise(sounds / "b" / "1.wav", 1000)
    build(sounds, tmp_path / "data")
    assert (tmp_path / "data" / "teachers" / "mine" / "teacher.json").is_file()
    assert f"{tmp_path / 'data' / 'teachers'} belongs to the records as they were before" in capsys.readouterr().err


_KILLED = """
import os, signal, sys
from pathlib import Path
from audiotag import records
from audiotag.frontend import LogMelConfig

front_end = LogMelConfig(name="small", sample_rate=8000, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
left = int(sys.argv[3])

def counted(function):
    def call(*arguments, **options):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

os.fsync, os.link, Path.replace = map(counted, (os.fsync, os.link, Path.replace))
records.build(records.declare(sys.argv[1], seconds=0.05), sys.argv[2], front_end=front_end, workers=1)
print("built")
"""


def killed_at(step: int, sounds: Path, data: Path) -> bool:
    """Run a build in a process that kills itself at one of the steps by which the disk changes; False: it ended."""
    run = subprocess.run(
        [sys.executable, "-c", _KILLED, sounds, data, str(step)], capture_output=True, text=True, check=False
    )
    assert run.returncode in (0, -signal.SIGKILL), run.stderr
    return run.returncode != 0


def check_that_it_goes_on(step: int, sounds: Path, before: Path, fresh: Path) -> bool:
    data = before.with_name(f"killed{step}")
    shutil.copytree(before, data)
    killed = killed_at(step, sounds, data)
    build(sounds, data)
    assert contents(data) == contents(fresh)
    assert not data.with_name(f".{data.name}.incomplete").exists()
    return killed


@pytest.fixture
def renewed(sounds: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A data set of which a recording has changed since, and what it is to become."""
    build(sounds, tmp_path / "data")
    noise(sounds / "b" / "1.wav", 1000)
    build(sounds, tmp_path / "fresh")
    return tmp_path / "data", tmp_path / "fresh"


@pytest.mark.parametrize("step", [10, 19])  # when a shard is new, and between the two renames at the end
def test_a_renewal_that_is_killed_is_finished_by_the_next_run(
    step: int, sounds: Path, renewed: tuple[Path, Path]
) -> None:
    assert check_that_it_goes_on(step, sounds, *renewed)


@pytest.mark.slow
def test_a_renewal_that_is_killed_anywhere_is_finished_by_the_next_run(
    sounds: Path, renewed: tuple[Path, Path]
) -> None:
    step = 1
    while check_that_it_goes_on(step, sounds, *renewed):
        step += 1
    assert step > 15


def test_a_recording_that_changes_while_a_build_is_interrupted_is_made_again(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make: Callable = ThisProcess.make_shards

    def stopped(*arguments: object) -> object:
        yield from list(make(*arguments))
        raise KeyboardInterrupt

    with monkeypatch.context() as trouble:
        trouble.setattr(ThisProcess, "make_shards", stopped)
        with pytest.raises(KeyboardInterrupt):
            build(sounds, tmp_path / "data")
    assert len(list((tmp_path / ".data.incomplete" / "data" / "records").iterdir())) == 4
    noise(sounds / "b" / "1.wav", 1000)
    build(sounds, tmp_path / "data")
    check_equal_to_a_fresh_build(sounds, tmp_path / "data", tmp_path / "fresh")
