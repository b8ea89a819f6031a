"""Apache Beam as an engine: the bytes of worker processes, also where a run was killed half-way."""

from __future__ import annotations

import errno
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audiotag import augment, records
from audiotag.errors import AudiotagError
from audiotag.records import engines, tfrecord
from audiotag.records.engines.local import Local
from audiotag.records.engines.work import Work

BEAM = pytest.mark.skipif(importlib.util.find_spec("apache_beam") is None, reason='needs pip install "audiotag[beam]"')
IN_THIS_PROCESS = "--direct_running_mode=in_memory"


@pytest.fixture
def on_beam(dataset_file: Path, small_front_end: object) -> Callable[..., records.BuildReport]:
    """Build the tones by Beam in this process, with the declaration and options of `built`."""

    def run(out: Path, **sources: str) -> records.BuildReport:
        declared = records.declare(dataset_file, sources="clip5=bad")
        policy, engine = augment.policy("light"), engines.on_beam(IN_THIS_PROCESS)
        return records.build(declared, out, front_end=small_front_end, policy=policy, variants=2, engine=engine)

    return run


@BEAM
def test_a_build_by_beam_has_the_bytes_of_one_by_worker_processes(
    on_beam: Callable, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = on_beam(tmp_path / "tones")
    assert (report.clips, report.rejected, report.examples) == (24, 1, 69)
    assert contents(tmp_path / "tones") == contents(built)
    assert "72 views" in capsys.readouterr().err
    assert not (tmp_path / ".tones.incomplete").exists()


@BEAM
def test_what_a_worker_of_beam_cannot_do_is_one_line_and_the_rest_is_kept(
    on_beam: Callable, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Callable = tfrecord.write

    def full(path: Path, examples: object) -> object:
        if path.name.startswith("fold3"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, examples)

    with monkeypatch.context() as trouble:
        trouble.setattr(tfrecord, "write", full)
        with pytest.raises(
            AudiotagError, match=r"^the Beam pipeline failed \(cannot write .*make room on the disk\); run"
        ):
            on_beam(tmp_path / "tones")
    assert len(list((tmp_path / ".tones.incomplete" / "journal").glob("*.json"))) == 2
    on_beam(tmp_path / "tones")
    assert contents(tmp_path / "tones") == contents(built)


def test_a_shard_that_another_run_has_deleted_is_not_listed(
    build: Callable, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make: Callable = Local.make_shards

    def deleting(self: Local, work: Work, *arguments: object) -> Iterator[object]:
        for made in make(self, work, *arguments):
            if made.shard.name.startswith("fold2"):
                (work.job.folder / made.shard.name).unlink()
            yield made

    with monkeypatch.context() as trouble:
        trouble.setattr(Local, "make_shards", deleting)
        with pytest.raises(AudiotagError, match=r"fold2-\S+ has gone while .* was built: run the same build again"):
            build(tmp_path / "tones", workers=1, sources="clip5=bad")
    build(tmp_path / "tones", sources="clip5=bad")
    assert contents(tmp_path / "tones") == contents(built)


@BEAM
@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["kill-all", "kill-worker"])
def test_a_build_by_processes_of_beam_that_is_killed_goes_on(
    trouble: str, run_script: Callable, on_beam: Callable, built: Path, tmp_path: Path
) -> None:
    workers = "engine=__import__('audiotag.records.engines').records.engines.on_beam('--direct_num_workers=2')"
    before = "import os\nos.environ['BUILD_ID'] = str(os.getpid())"
    run = run_script(tmp_path, before, workers, TROUBLE=f"{trouble}:clip23")
    if trouble == "kill-all":
        assert run.returncode == -9
    else:
        assert run.stdout.startswith("error the Beam pipeline failed (Worker subprocess exited")
    incomplete = tmp_path / ".out.incomplete"
    names = [path.stem for path in (incomplete / "journal").glob("*.json")]  # which they are is up to the runner
    kept = {name: (incomplete / "data" / "records" / name).stat().st_ino for name in names}
    assert len(kept) < 3
    on_beam(tmp_path / "out")
    assert {name: (tmp_path / "out" / "records" / name).stat().st_ino for name in kept} == kept
    assert contents(tmp_path / "out") == contents(built)


@BEAM
def test_workers_are_of_the_engine_local(build: Callable, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="workers=1 are processes of the engine local"):
        build(tmp_path / "out", workers=1, engine=engines.on_beam())


def test_beam_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audiotag.records.engines.beam", None)
    with pytest.raises(AudiotagError, match=r'pip install "audiotag\[beam\]"'):
        engines.on_beam()


def contents(data: Path) -> dict[str, bytes]:
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in data.rglob("*") if path.is_file()}
