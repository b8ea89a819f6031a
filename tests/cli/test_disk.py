"""Full and read-only disks: one line, nothing half-written is taken for whole, and the same command goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("eager", "blank_pictures")

Command = Callable[..., object]
Refuse = Callable[..., str]
Disk = Callable[[str], object]


def fill(place: Path, left: int) -> Path:
    """Fill a file system up to `left` bytes, rounded to its blocks."""
    state = os.statvfs(place)
    filler = place / "filler"
    filler.write_bytes(bytes(state.f_bavail * state.f_frsize - left))
    return filler


def test_a_build_on_a_full_disk_goes_on_when_there_is_room(
    command: Command, refuse: Refuse, folder: Path, training: tuple[str, ...], disk: Disk
) -> None:
    small = disk("size=100k")
    out = small.path / "data"
    arguments = ("build", folder, "--out", out, "--seconds", "0.5", "--workers", "1")
    line = refuse(*arguments)
    assert "No space left on device" in line
    assert "make room" in line
    assert not out.exists()
    assert "its build was interrupted" in refuse("train", out, "--out", small.path / "run", *training)
    small.remount("size=10m")
    assert command(*arguments).code == 0
    assert command("verify", out).code == 0
    assert [path.name for path in small.path.iterdir()] == ["data"]


def test_teaching_on_a_full_disk_goes_on_when_there_is_room(
    command: Command, refuse: Refuse, data: Path, student: Path, training: tuple[str, ...], disk: Disk
) -> None:
    small = disk("size=10m")
    copy = small.path / "data"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("teachers"))
    filler = fill(small.path, left=4096)
    line = refuse("teach", copy, "--teacher", student, "--name", "t")
    assert "No space left on device" in line
    assert str(copy) in line
    assert "no outputs of a teacher 't'" in refuse(
        "train", copy, "--out", small.path / "run", "--teacher", "t", *training
    )
    filler.unlink()
    assert command("teach", copy, "--teacher", student, "--name", "t").code == 0
    assert command("verify", copy).code == 0


def test_training_on_a_full_disk_goes_on_when_there_is_room(
    command: Command, refuse: Refuse, data: Path, student: Path, folder: Path, training: tuple[str, ...], disk: Disk
) -> None:
    checkpoint = next(student.glob("checkpoints/*.npz"))
    room = checkpoint.stat().st_size + (student / "student.keras").stat().st_size // 2
    small = disk(f"size={room // 1024}k")  # holds the checkpoint, not the student beside it
    run = small.path / "run"
    (run / "checkpoints").mkdir(parents=True)
    for path in (student / "recipe.toml", checkpoint):
        shutil.copy(path, run / path.relative_to(student))
    line = refuse("train", data, "--out", run, *training)
    assert "No space left on device" in line
    assert list(run.glob("checkpoints/*.npz"))
    assert not list(run.glob("*.keras"))
    assert "student.keras" in refuse("evaluate", run)
    assert "finished `audiotag train`" in refuse("tag", folder, "--model", run)
    small.remount("size=10m")
    assert command("train", data, "--out", run, *training).code == 0
    assert command("evaluate", run, "--split", "validation").code == 0


def test_a_disk_without_room_for_the_first_log_stops_training_in_one_line(
    refuse: Refuse, data: Path, training: tuple[str, ...], disk: Disk
) -> None:
    small = disk("size=4k")  # one block: recipe.toml
    line = refuse("train", data, "--out", small.path / "run", *training)
    assert "No space left on device" in line
    assert "make room" in line


def test_a_read_only_place_is_refused_by_every_command_that_writes(
    command: Command,
    refuse: Refuse,
    folder: Path,
    data: Path,
    student: Path,
    training: tuple[str, ...],
    disk: Disk,
) -> None:
    place = disk("size=10m")
    copy, run = place.path / "data", place.path / "student"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("teachers"))
    shutil.copytree(student, run)
    place.remount("ro")
    for arguments in (
        ("build", folder, "--out", place.path / "new", "--workers", "1"),
        ("teach", copy, "--teacher", run),
        ("train", copy, "--out", place.path / "run", *training),
        ("evaluate", run, "--data", copy, "--split", "validation"),
    ):
        assert "Read-only file system" in refuse(*arguments)
    assert command("verify", copy).code == 0
    assert command("tag", folder / "low" / "0.wav", "--model", run).code == 0
    assert sorted(path.name for path in place.path.iterdir()) == ["data", "student"]
