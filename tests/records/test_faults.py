"""Faults for real: killed or out of disk at any step, few open files, odd names and files, recordings of hours."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import unicodedata
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import audio, records, storage
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from tests.in_process import ThisProcess

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)

BUILD = """
import errno, os, re, resource, signal, sys
from pathlib import Path
from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig

front_end = LogMelConfig(name="small", sample_rate=8000, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
folder, out, what, left, seconds = *sys.argv[1:4], int(sys.argv[4]), float(sys.argv[5])

def counted(function):
    def call(*arguments, **options):
        global left
        left -= 1
        if not left and what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return function(*arguments, **options)
    return call

if left:
    os.fsync, Path.replace = map(counted, (os.fsync, Path.replace))
try:
    report = records.build(records.declare(folder, seconds=seconds), out, front_end=front_end, workers=1)
    print(report.clips, report.rejected)
    status = Path("/proc/self/status")
    own = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) if status.exists() else 0
    print("peak", max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) >> 10, "MB", file=sys.stderr)
except AudiotagError as error:
    print(error)
    sys.exit(2)
"""


UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Before a command: root may then read no more than others."""


def run_build(
    folder: Path,
    out: Path,
    what: str = "",
    step: int = 0,
    seconds: float = 0.05,
    prefix: tuple[str, ...] = (),
    **options: object,
) -> object:
    arguments = [*prefix, sys.executable, "-c", BUILD, folder, out, what, str(step), str(seconds)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, **options)


def noise(path: Path, seed: int, seconds: float = 0.05) -> None:
    sound = np.random.default_rng(seed).normal(scale=0.1, size=round(seconds * RATE)).astype(np.float32)
    audio.write(path, sound, RATE)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 60 recordings."""
    root = tmp_path_factory.mktemp("faults") / "sounds"
    for seed in range(120):
        noise(root / "ab"[seed % 2] / f"{seed}.wav", seed)
    return root


@pytest.fixture(scope="module")
def fresh(sounds: Path) -> dict[str, str]:
    out = sounds.parent / "fresh"
    records.build(records.declare(sounds, seconds=0.05), out, front_end=FRONT_END, engine=ThisProcess())
    return contents(out)


def contents(data: Path) -> dict[str, str]:
    files = (path for path in data.rglob("*") if path.is_file() and path.name != "dataset.json")
    sums = {path.relative_to(data).as_posix(): storage.sha256(path) for path in files}
    return sums | {"fingerprint": records.open(data).fingerprint}


def check_that_it_goes_on(what: str, step: int, sounds: Path, fresh: dict[str, str], out: Path) -> bool:
    """A build that was stopped at a step is finished by the next run; False: it had so few steps that it ended."""
    stopped = run_build(sounds, out, what, step)
    assert stopped.returncode in {"kill": (0, -signal.SIGKILL), "disk": (0, 2)}[what], stopped.stderr
    if stopped.returncode:
        assert not out.exists()
        assert what == "kill" or ("No space left on device" in stopped.stdout and "Traceback" not in stopped.stderr)
    records.build(records.declare(sounds, seconds=0.05), out, front_end=FRONT_END, engine=ThisProcess())
    assert contents(out) == fresh
    assert not out.with_name(f".{out.name}.incomplete").exists()
    return stopped.returncode != 0


@pytest.mark.parametrize("what", ["kill", "disk"])
def test_a_build_that_is_stopped_before_its_last_table_goes_on(
    what: str, sounds: Path, fresh: dict[str, str], tmp_path: Path
) -> None:
    assert check_that_it_goes_on(what, 9, sounds, fresh, tmp_path / "data")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["kill", "disk"])
def test_a_build_that_is_stopped_anywhere_goes_on(
    what: str, sounds: Path, fresh: dict[str, str], tmp_path: Path
) -> None:
    step = 1
    while check_that_it_goes_on(what, step, sounds, fresh, tmp_path / f"data{step}"):
        step += 1
    assert step > 10


def test_three_hundred_open_files_are_enough(sounds: Path, fresh: dict[str, str], tmp_path: Path) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))  # noqa: E731
    built = run_build(sounds, tmp_path / "data", preexec_fn=limit)
    assert (built.stdout, built.returncode) == ("120 0\n", 0), built.stderr
    assert contents(tmp_path / "data") == fresh


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read every file")
def test_a_recording_that_may_not_be_read_is_rejected_with_the_reason(tmp_path: Path) -> None:
    for name in ("a/1.wav", "a/2.wav", "b/3.wav"):
        noise(tmp_path / "sounds" / name, 1 + int(name[2]))
    (tmp_path / "sounds" / "a" / "2.wav").chmod(0o000)
    built = run_build(tmp_path / "sounds", tmp_path / "data", prefix=UNPRIVILEGED if os.geteuid() == 0 else ())
    assert built.stdout == "3 1\n", built.stderr
    rows = records.open(tmp_path / "data").clips.set_index("clip_id")
    assert rows["status"].to_dict() == {"a/1.wav": "ok", "a/2.wav": "rejected", "b/3.wav": "ok"}
    assert "Permission denied" in rows.loc["a/2.wav", "reason"]


def test_clip_ids_of_every_plane_of_unicode_and_of_both_spellings(tmp_path: Path) -> None:
    planes = [chr(plane * 0x10000 + 0x21) for plane in range(17)]
    ids = [*planes, unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"), 'a "quoted", id; x', "a b"]
    noise(tmp_path / "one.wav", 1)
    declared = records.Declaration(
        name="ids",
        version="1",
        task="multiclass",
        licence="CC0",
        citation="none",
        labels=Labels(("x", "y")),
        clips=tuple(records.Clip(name, "one.wav", ("xy"[number % 2],), "train") for number, name in enumerate(ids)),
        seconds=0.05,
        root=tmp_path,
    )
    records.build(declared, tmp_path / "data", front_end=FRONT_END, engine=ThisProcess())
    data = records.open(tmp_path / "data")
    assert data.clips["clip_id"].tolist() == ids
    read = [clip_id for batch in data.batches(batch_size=8) for clip_id in batch["clip_id"]]
    assert sorted(read) == sorted(ids)
    assert not records.verify(tmp_path / "data")


def odd_files(folder: Path) -> dict[str, str]:
    """Files of every odd kind by name, each with the beginning of the reason for which it is rejected, if it is."""
    sound = np.random.default_rng(0).normal(scale=0.1, size=48_000)
    many = np.random.default_rng(1).normal(scale=0.1, size=(48_000, 8))
    written = {
        "eight_channels.wav": (many, 48_000, "PCM_16"),
        "eight_bits.wav": (sound, 8000, "PCM_U8"),
        "twenty_four_bits.wav": (sound, 96_000, "PCM_24"),
        "float64.wav": (sound, 44_100, "DOUBLE"),
        "ms_adpcm.wav": (sound, 22_050, "MS_ADPCM"),
        "ima_adpcm.wav": (sound, 22_050, "IMA_ADPCM"),
        "rf64.rf64": (sound, 32_000, "PCM_16"),
        "one_sample.wav": (sound[:1], 16_000, "PCM_16"),
    }
    for name, (values, rate, subtype) in written.items():
        soundfile.write(folder / name, values, rate, subtype, format="RF64" if name.endswith("rf64") else None)
    whole = (folder / "eight_bits.wav").read_bytes()
    size = whole.index(b"data") + 4
    for name, stated in (("size_0.wav", 0), ("size_unknown.wav", 0xFFFFFFFF)):
        (folder / name).write_bytes(whole[:size] + struct.pack("<I", stated) + whole[size + 4 :])
    soundfile.write(folder / "plain.mp3", sound, 32_000)
    tag = b"ID3\x04\x00\x00" + bytes((0, 0x40, 0, 0)) + bytes(0x40 << 14)  # a megabyte of it
    (folder / "huge_tag.mp3").write_bytes(tag + (folder / "plain.mp3").read_bytes())
    broken = bytearray((folder / "plain.mp3").read_bytes())
    broken[2000:2400] = bytes(400)
    (folder / "broken_frames.mp3").write_bytes(broken)
    (folder / "._plain.mp3").write_bytes(b"Mac OS X        " * 8)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("no sound", encoding="utf-8")
    return {"empty.wav": "is an empty file", "text.wav": "is not audio"}


def test_one_of_each_odd_file_is_built_or_rejected_with_a_reason(tmp_path: Path) -> None:
    for label in "xy":
        (tmp_path / "sounds" / label).mkdir(parents=True)
        rejected = odd_files(tmp_path / "sounds" / label)
    out = tmp_path / "data"
    declared = records.declare(tmp_path / "sounds", seconds=20, pad="zero")
    records.build(declared, out, front_end=FRONT_END, engine=ThisProcess(), allow=["shared-recordings"])
    rows = records.open(out).clips
    names = {path.name for path in (tmp_path / "sounds" / "x").iterdir()} - {"._plain.mp3"}
    assert {Path(source).name for source in rows["source"]} == names
    reasons = {
        Path(source).name: reason for source, reason in zip(rows["source"], rows["reason"], strict=True) if reason
    }
    assert set(reasons) == set(rejected)
    for name, phrase in rejected.items():
        assert phrase in reasons[name]
    assert not records.verify(out)


@pytest.mark.slow
def test_a_recording_of_three_hours_takes_no_more_memory_than_a_clip(tmp_path: Path) -> None:
    hours = tmp_path / "sounds" / "a" / "hours.wav"
    hours.parent.mkdir(parents=True)
    minute = np.random.default_rng(0).integers(0, 256, 60 * RATE, np.uint8).tobytes()
    with wave.open(str(hours), "wb") as file:
        file.setparams((1, 1, RATE, 0, "NONE", ""))
        for _ in range(180):
            file.writeframes(minute)
    noise(tmp_path / "sounds" / "b" / "short.wav", 1, 10.0)
    built = run_build(tmp_path / "sounds", tmp_path / "data", seconds=10)
    assert built.stdout == "1081 0\n", built.stderr
    megabytes = int(re.search(r"^peak (\d+) MB$", built.stderr, re.MULTILINE)[1])
    assert megabytes < 300  # the sound alone would be 330 MB
