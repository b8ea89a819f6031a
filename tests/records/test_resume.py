"""Builds that are killed, interrupted or run out of disk, for real, and gone on with."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.manifest import Shard

LAST = "clip23"  # of fold3, whose shards are made last


SOURCES = "clip5=bad"  # as those of the data set that is built for all tests


@pytest.fixture(scope="module")
def whole(built: Path, shard_checksums: Callable) -> dict[str, str]:
    """Checksums of a build that nothing disturbed."""
    return shard_checksums(built)


def journaled(folder: Path) -> list[Path]:
    return list((folder / ".out.incomplete" / "journal").glob("*.json"))


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux: waits for a process that is no child")
def test_a_build_killed_half_way_is_finished_by_the_next_run_with_the_same_bytes(
    run_script: Callable,
    build: Callable,
    tmp_path: Path,
    whole: dict[str, str],
    shard_checksums: Callable,
    capsys: pytest.CaptureFixture[str],
) -> None:
    id_file = tmp_path / "worker"
    killed = run_script(tmp_path, TROUBLE=f"kill-build:{LAST}", WORKER_ID_FILE=str(id_file))
    assert killed.returncode == -9
    assert not (tmp_path / "out").exists()
    assert len(journaled(tmp_path)) == len(whole) - 1
    try:
        orphan = os.pidfd_open(int(id_file.read_text(encoding="utf-8")))
    except ProcessLookupError:
        pass
    else:
        assert select.select([orphan], [], [], 30)[0], "the worker outlives the build"
        os.close(orphan)
    partly = tmp_path / ".out.incomplete" / "data" / "records" / ".half.partial"
    partly.write_bytes(b"torn")
    report = build(tmp_path / "out", sources=SOURCES)
    assert (report.clips, report.rejected, report.examples) == (24, 1, 69)
    assert "48 from before" in capsys.readouterr().err
    assert shard_checksums(tmp_path / "out") == whole
    assert not (tmp_path / ".out.incomplete").exists()
    assert not records.verify(tmp_path / "out")


def test_ctrl_c_ends_a_build_quietly_and_leaves_it_resumable(run_script: Callable, tmp_path: Path) -> None:
    stopped = run_script(tmp_path, TROUBLE=f"interrupt-build:{LAST}")
    assert stopped.stdout == "interrupted\n"
    assert "Traceback" not in stopped.stderr
    assert len(journaled(tmp_path)) > 0


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs POSIX limits")
def test_a_full_disk_is_one_clear_error_and_nothing_half_written_stays(
    run_script: Callable, build: Callable, tmp_path: Path, whole: dict[str, str], shard_checksums: Callable
) -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))"
    full = run_script(tmp_path, before=limit)
    assert full.stdout.startswith("error cannot write ")
    assert "make room on the disk; run the same build again" in full.stdout
    assert "Traceback" not in full.stderr
    assert not (tmp_path / "out").exists()
    assert build(tmp_path / "out", sources=SOURCES).examples == 69
    assert shard_checksums(tmp_path / "out") == whole


def test_a_killed_worker_is_explained_and_the_build_goes_on_from_there(
    build: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, str],
    shard_checksums: Callable,
) -> None:
    with monkeypatch.context() as trouble:
        trouble.setenv("TROUBLE", f"kill-worker:{LAST}")
        with pytest.raises(AudiotagError, match=r"fold3-.*was killed, usually because .* out of memory.*run the same"):
            build(tmp_path / "out", workers=1, sources=SOURCES)
    assert len(journaled(tmp_path)) == len(whole) - 1
    damaged = tmp_path / ".out.incomplete" / "data" / "records" / next(iter(whole))
    damaged.write_bytes(b"flipped" + damaged.read_bytes()[7:])
    build(tmp_path / "out", sources=SOURCES)
    assert shard_checksums(tmp_path / "out") == whole


FINISHED = FinishedShard(Shard("a.tfrecord", "train", 1, 4, "0" * 64), {"clip": "no sound, “really”"}, {}, ("quiet",))


def entry(folder: Path) -> FinishedShard:
    (folder / "a.tfrecord").write_bytes(b"data")
    checksum = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"
    return FinishedShard(Shard("a.tfrecord", "train", 1, 4, checksum), FINISHED.rejected, {}, FINISHED.notes)


def test_a_torn_file_of_the_journal_is_passed_over_and_deleted(tmp_path: Path) -> None:
    journal, finished = Journal(tmp_path / "journal", "build"), entry(tmp_path)
    journal.add(finished)
    for name, torn in (("b.tfrecord.json", b'{"build": "build", "shard": {"spl\xe2\x80'), (".c.partial", b"{")):
        (journal.folder / name).write_bytes(torn)
    assert journal.load(tmp_path) == {"a.tfrecord": finished}
    journal.start(journal.load(tmp_path))
    assert [path.name for path in journal.folder.iterdir()] == ["a.tfrecord.json"]


def test_a_journal_of_another_build_is_not_gone_on_with(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", "build").start({"a.tfrecord": entry(tmp_path)})
    assert Journal(tmp_path / "journal", "another").load(tmp_path) == {}
    assert Journal(tmp_path / "none", "build").load(tmp_path) == {}


def test_a_journaled_shard_with_another_checksum_is_made_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "build")
    journal.start({"a.tfrecord": FINISHED})
    (tmp_path / "a.tfrecord").write_bytes(b"data")
    assert journal.load(tmp_path) == {}
