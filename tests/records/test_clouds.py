"""Data sets behind an address: built, verified and read with the bytes of a local one, whatever the network does."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from audiotag import audio, cli, distill, records, storage
from audiotag.cli.app import app
from audiotag.clips import sources
from audiotag.errors import AudiotagError, UnreachableError
from audiotag.frontend import LogMelConfig
from audiotag.records import clips, engines
from audiotag.storage.remote import Cache
from tests.in_process import ThisProcess

if TYPE_CHECKING:
    from tests.s3 import Faults

RATE = 8000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=200, hop=200, fft=256, mels=16, fmax=4000.0)


def build(root: object, out: object, **options: object) -> records.BuildReport:
    options = options or {"engine": ThisProcess()}
    return records.build(records.declare(root, seconds=0.05), out, front_end=FRONT_END, **options)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 12 recordings, one of which is none."""
    root = tmp_path_factory.mktemp("declared") / "sounds"
    for seed in range(24):
        sound = np.random.default_rng(seed).normal(scale=0.1, size=400).astype(np.float32)
        audio.write(root / "ab"[seed % 2] / f"{seed}.wav", sound, RATE)
    (root / "a" / "0.wav").write_text("no sound", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def local(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    """The data set of this machine."""
    out = tmp_path_factory.mktemp("built") / "tones"
    build(sounds, out)
    return records.open(out)


@pytest.fixture(scope="module")
def source(s3: Faults, sounds: Path) -> str:
    """The recordings in the store."""
    store().put(str(sounds), "bucket/sounds", recursive=True)
    return "s3://bucket/sounds"


@pytest.fixture(scope="module")
def remote(s3: Faults, source: str) -> records.Data:
    """The data set in the store, built from recordings in the store while much went wrong."""
    s3.add("GET", "a/2.wav", "503", "503")
    s3.add("GET", "b/3.wav", "cut")
    s3.add("GET", "b/5.wav", "timeout")
    s3.add("PUT", ".tfrecord", "503", "cut", "timeout")
    s3.add("PUT", "dataset.json", "503")
    build(source, "s3://bucket/tones", workers=1)
    assert s3.waiting == [] and len(s3.met) == 8
    return records.open("s3://bucket/tones")


@pytest.fixture(autouse=True)
def nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test fetches for itself."""
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path / "cache"))


def store() -> object:
    import fsspec

    return fsspec.filesystem("s3", use_listings_cache=False)


def files(address: str) -> dict[str, bytes]:
    return {path.removeprefix(f"{address}/"): store().cat_file(path) for path in store().find(address)}


def test_a_build_into_a_store_has_the_bytes_of_a_local_one(remote: records.Data, local: records.Data) -> None:
    stored = files("bucket/tones")
    for path in (file for file in local.path.rglob("*") if file.is_file()):
        name = path.relative_to(local.path).as_posix()
        content = stored.pop(name)
        if name not in ("sources.csv", "dataset.json"):  # they name times, and the place of the recordings
            assert content == path.read_bytes()
    assert stored == {}
    assert remote.fingerprint == local.fingerprint
    assert str(remote.recordings) == "s3://bucket/sounds"


def test_beam_builds_into_a_store(sounds: Path, local: records.Data, s3: Faults) -> None:
    pytest.importorskip("apache_beam")
    s3.add("GET", "plans.pickle", "503", "cut")
    build(sounds, "s3://bucket/beam", engine=engines.on_beam("--direct_running_mode=in_memory"))
    assert s3.waiting == []
    assert records.open("s3://bucket/beam").fingerprint == local.fingerprint
    assert records.open("s3://bucket/beam").recordings is None


def test_nothing_that_is_written_holds_a_credential(remote: records.Data) -> None:
    assert not [name for name, content in files("bucket/tones").items() if b"nobody" in content]


def test_a_store_is_verified_and_what_is_damaged_is_named(s3: Faults, remote: records.Data) -> None:
    shard = remote.manifest.shards[1].name
    s3.add("GET", shard, "503", "cut", "timeout")
    assert records.verify("s3://bucket/tones") == []
    assert s3.waiting == []
    store().copy("bucket/tones", "bucket/damaged", recursive=True)
    content = bytearray(store().cat_file(f"bucket/damaged/records/{shard}"))
    content[100] ^= 1
    store().pipe_file(f"bucket/damaged/records/{shard}", bytes(content))
    store().pipe_file("bucket/damaged/stray", b"")
    problems = records.verify("s3://bucket/damaged")
    assert [(problem.shard, problem.offset) for problem in problems] == [
        (f"records/{shard}", None),
        (f"records/{shard}", 0),
        ("stray", None),
    ]


@pytest.mark.parametrize("shuffle", [True, False])
def test_records_are_read_from_a_store_through_faults(
    s3: Faults, remote: records.Data, local: records.Data, shuffle: bool
) -> None:
    for shard in remote.manifest.shards:
        s3.add("GET", shard.name, "cut" if shard.split == "train" else "503")
    options = {"batch_size": 16, "shuffle": shuffle, "keys": True}
    for ours, theirs in zip(remote.read("all", **options), local.read("all", **options), strict=True):
        for part, expected in zip(ours, theirs, strict=True):
            assert np.array_equal(part, expected)
    assert s3.waiting == []


def test_batches_are_read_from_a_store(remote: records.Data, local: records.Data) -> None:
    for options in ({}, {"clip_ids": ["a/2.wav", "b/3.wav"]}):
        ours, theirs = (list(data.batches(batch_size=32, **options)) for data in (remote, local))
        assert [batch["clip_id"] for batch in ours] == [batch["clip_id"] for batch in theirs]
        assert all(np.array_equal(a["log_mel"], b["log_mel"]) for a, b in zip(ours, theirs, strict=True))


def test_copies_of_a_recording_are_found_in_a_store(sounds: Path, s3: Faults) -> None:
    names = ("a/2.wav", "b/1.wav", "b/copy.wav", "b/3.wav")  # of one size
    for name in names:
        store().put_file(str(sounds / name.replace("copy", "1")), f"bucket/copies/{name}")
    root = storage.place("s3://bucket/copies")
    assert sources.same_bytes(root, sources.survey(root, names)) == [["b/1.wav", "b/copy.wav"]]


def test_recordings_are_heard_from_a_store(remote: records.Data, local: records.Data) -> None:
    ours, theirs = (clips.recorded(data, data.recordings, RATE) for data in (remote, local))
    assert np.array_equal(ours("a/2.wav"), theirs("a/2.wav"))


def test_a_damaged_shard_is_not_read(remote: records.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audiotag.storage.remote._ATTEMPTS", 1)
    shard = remote.manifest.shards[0].name
    store().copy("bucket/tones", "bucket/changed", recursive=True)
    store().pipe_file(f"bucket/changed/records/{shard}", bytes(remote.manifest.shards[0].bytes))
    with pytest.raises(UnreachableError, match=f"{shard} cannot be reached .*its bytes do not have their checksum"):
        list(records.open("s3://bucket/changed").batches(batch_size=8))


def test_a_data_set_that_is_there_is_not_built_again_nor_renewed(
    remote: records.Data, source: str, sounds: Path, tmp_path: Path
) -> None:
    more = Path(shutil.copytree(sounds, tmp_path / "sounds"))
    assert build(more, "s3://bucket/tones").existed
    shutil.copy(sounds / "b" / "1.wav", more / "b" / "25.wav")
    with pytest.raises(AudiotagError, match="a store cannot replace it at once: build into another address"):
        build(more, "s3://bucket/tones")
    with pytest.raises(AudiotagError, match="s3://bucket/sounds exists and is not a data set"):
        build(sounds, "s3://bucket/sounds")


_KILLED = """
import os, signal, sys
from audiotag import records
from audiotag.frontend import LogMelConfig
from audiotag.storage import files, remote

left = int(sys.argv[3])
upload = remote.upload

def counted(path, *arguments, **options):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return upload(path, *arguments, **options)

files.upload = counted
front_end = LogMelConfig(name="small", sample_rate=8000, window=200, hop=200, fft=256, mels=16, fmax=4000.0)
records.build(records.declare(sys.argv[1], seconds=0.05), sys.argv[2], front_end=front_end, workers=1)
"""


def check_that_it_goes_on(source: str, out: str, local: records.Data) -> None:
    place = out.removeprefix("s3://")
    assert len(store().ls(f"{place}/.incomplete/journal")) == len(local.manifest.shards)
    with pytest.raises(AudiotagError, match="its build was interrupted: run it again"):
        records.open(out)
    before = {path: store().info(path)["ETag"] for path in store().find(f"{place}/records")}
    store().pipe_file(f"{place}/records/train-00007-of-00008.tfrecord", b"of a build of something else")
    assert build(source, out).examples == 23
    assert records.open(out).fingerprint == local.fingerprint
    assert not store().exists(f"{place}/.incomplete")
    assert before == {path: store().info(path)["ETag"] for path in store().find(f"{place}/records")}


def test_a_build_stopped_before_its_manifest_says_so_and_goes_on(
    source: str, local: records.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, upload, sent = "s3://bucket/stopped", storage.files.upload, []

    def stopped(path: object, *arguments: object, **options: object) -> object:
        sent.append(path.name)
        if path.name == "dataset.json":
            raise KeyboardInterrupt
        return upload(path, *arguments, **options)

    with monkeypatch.context() as trouble:
        trouble.setattr(storage.files, "upload", stopped)
        with pytest.raises(KeyboardInterrupt):
            build(source, out, workers=1)  # which does not see what is counted here
    assert sent == ["begun", "sources.csv", "labels.csv", "clips.csv", "dataset.json"]
    check_that_it_goes_on(source, out, local)


@pytest.mark.slow
@pytest.mark.parametrize("file", [2, 3, 4, 5])  # sources.csv, labels.csv, clips.csv and dataset.json
def test_a_build_killed_before_its_manifest_goes_on(source: str, local: records.Data, file: int) -> None:
    out = f"s3://bucket/killed{file}"
    run = subprocess.run([sys.executable, "-c", _KILLED, source, out, str(file)], capture_output=True, text=True)
    assert run.returncode == -9, run.stderr
    check_that_it_goes_on(source, out, local)


def test_a_teacher_is_stored_beside_the_records_and_taught_from_there(
    s3: Faults, remote: records.Data, local: records.Data
) -> None:
    import keras

    log_mel = keras.Input((None, FRONT_END.mels, 1))
    network = keras.Model(log_mel, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(log_mel)))
    stated = {"name": "small", "labels": list(local.labels), "front_end": FRONT_END, "task": "multiclass"}
    s3.add("PUT", "teachers/small", "503", "cut")
    for data in (remote, local):
        distill.teach(data, network, **stated)
    assert s3.waiting == []
    ours = files("bucket/tones/teachers/small")
    assert ours == {path.name: path.read_bytes() for path in local.teacher_folder("small").iterdir()}
    assert remote.teachers == ["small"] and records.verify("s3://bucket/tones") == []
    options = {"batch_size": 16, "shuffle": True, "teacher": "small"}
    for (_, target), (_, expected) in zip(remote.read("all", **options), local.read("all", **options), strict=True):
        assert np.array_equal(target, expected)


def test_commands_take_addresses(source: str, local: records.Data, capsys: pytest.CaptureFixture[str]) -> None:
    table = "path,label,split\n" + "".join(f"{name},{name[0]},train\n" for name in ("a/2.wav", "b/3.wav", "a/4.wav"))
    store().pipe_file("bucket/tables/clips.csv", table.encode())
    build = ("build", "folder", "--source", source, "--out", "s3://bucket/command", "--table")
    options = ("--seconds", "0.5", "--workers", "1", "--front-end", "yamnet")
    assert cli.run(app, [*build, "s3://bucket/tables/clips.csv", *options]) == 0
    assert cli.run(app, ["verify", "s3://bucket/command"]) == 0
    assert cli.run(app, ["verify", "s3://bucket/nothing"]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("s3://bucket/command: 3 clips, 3 examples, 0 rejected\ns3://bucket/command: whole\n")
    assert "Traceback" not in said.err


def test_what_is_not_there_is_one_line(s3: Faults) -> None:
    for address in ("s3://bucket/nothing", "s3://no-bucket/nothing"):
        with pytest.raises(AudiotagError, match=f"{address} is not a data set"):
            records.open(address)
    with pytest.raises(AudiotagError, match="must hold no password"):
        storage.place("ftp://me:secret@host/data")
    with pytest.raises(AudiotagError, match="no store is known for 'nonsense://x'"):
        storage.place("nonsense://x")


def test_worker_processes_do_not_see_the_memory_of_this_one(sounds: Path) -> None:
    pytest.importorskip("upath")
    with pytest.raises(AudiotagError, match="memory:// is the memory of this process"):
        build(sounds, "memory://tones", workers=1)


def test_a_data_set_in_memory_is_built_verified_and_read(sounds: Path, local: records.Data) -> None:
    pytest.importorskip("apache_beam")
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("upath")
    memory = fsspec.filesystem("memory")
    memory.put(str(sounds), "/sounds", recursive=True)
    engine = engines.on_beam("--direct_running_mode=in_memory")
    build("memory://sounds", "memory://tones", engine=engine)
    built = records.open("memory://tones")
    assert built.fingerprint == local.fingerprint
    assert records.verify("memory://tones") == []
    assert [len(batch["clip_id"]) for batch in built.batches(batch_size=23)] == [23]


def test_copies_are_bounded_and_the_least_recently_used_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100_000)
    fetch: Callable = lambda path: path.write_bytes(bytes(1000))  # noqa: E731
    for number in range(90):
        path = cache.add(f"key{number}", "a.wav", fetch)
        os.utime(path, (number, number))
    assert cache.find("key3", "a.wav") == tmp_path / "key3" / "a.wav"
    for number in range(90, 120):
        cache.add(f"key{number}", "a.wav", fetch)
    left = {folder.name for folder in tmp_path.iterdir()}
    assert 90 <= len(left) <= 100
    assert "key3" in left and "key119" in left and not {"key0", "key1", "key2", "key4"} & left


def test_a_full_disk_of_copies_is_no_fault_of_a_recording(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UnreachableError, match=r"a\.wav cannot be kept in .*No space left on device\): make room"):
        Cache(tmp_path, 100).add("key", "a.wav", full)
    assert not list(tmp_path.iterdir())
