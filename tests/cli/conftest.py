"""The command line in this process, a data set whose class names are hard to quote, and a student trained on it."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.in_process import ThisProcess

CLASSES = ("a, b", 'say "hi"', "left/right", "party 🎉")
# A transformer of one narrow block: few layers to build, compile and load, and it tells sounds from moment to moment.
NETWORK = {"width": 16, "depth": 1, "heads": 2, "head": "frames"}
MODEL = ("--model", "passt", *(word for name, value in NETWORK.items() for word in ("--option", f"{name}={value}")))
TRAINING = (*MODEL, "--epochs", "1", "--batch-size", "4", "--train", "train", "--validation", "none")


@dataclass(frozen=True)
class Outcome:
    """What a command gave back: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Disk:
    """A small file system of its own."""

    path: Path

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True, capture_output=True)


def run(*arguments: object) -> Outcome:
    """A command in this process, quiet but for results and errors."""
    from audiotag import cli
    from audiotag.cli.app import app

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.run(app, ["--quiet", *map(str, arguments)])
        except SystemExit as stopped:  # a recipe ends as a program of its own
            code = stopped.code
    return Outcome(code, out.getvalue(), err.getvalue())


def write_tone(path: Path, pitch: float = 440.0, seconds: float = 0.5) -> None:
    """A sine of 32 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * 32_000)) / 32_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * time), 32_000)


@pytest.fixture(scope="session")
def command() -> Callable[..., Outcome]:
    return run


@pytest.fixture(scope="session")
def refuse() -> Callable[..., str]:
    """Runs a command that must be refused; gives its one line on standard error."""

    def check(*arguments: object) -> str:
        outcome = run(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith("audiotag: ")
        assert outcome.err.count("\n") == 1
        return outcome.err

    return check


@pytest.fixture(scope="session")
def training() -> tuple[str, ...]:
    """Options of the shortest training there is."""
    return TRAINING


@pytest.fixture(scope="session")
def tone() -> Callable[..., None]:
    return write_tone


@pytest.fixture(scope="session")
def classes() -> tuple[str, ...]:
    return CLASSES


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings of each class, listed in `clips.csv`."""
    root = tmp_path_factory.mktemp("recordings")
    rows = [("path", "label", "split")]
    for index, name in enumerate(CLASSES):
        for take, split in enumerate(("train", "train", "validation")):
            path = f"class {index}/{take}.wav"
            write_tone(root / path, 200.0 * (index + 1) + 10 * take)
            rows.append((path, name, split))
    with (root / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a class, four recordings each."""
    root = tmp_path_factory.mktemp("folder")
    for index, name in enumerate(("low", "high")):
        for take in range(4):
            write_tone(root / name / f"{take}.wav", 300.0 * (index + 1) + 10 * take)
    return root


@pytest.fixture(scope="session")
def built(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds the recordings with further options; each set of options once."""
    finished: dict[tuple[str, ...], Path] = {}

    def build(*options: str) -> Path:
        if options not in finished:
            out = tmp_path_factory.mktemp("built") / "data"
            arguments = ("build", recordings, "--out", out, "--table", "clips.csv", "--seconds", "0.5")
            with pytest.MonkeyPatch.context() as patch:
                build_in_this_process(patch)
                assert run(*arguments, *options).code == 0
            finished[options] = out
        return finished[options]

    return build


@pytest.fixture
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds start no processes, which are not the matter of most tests and take longer than a few recordings."""
    build_in_this_process(monkeypatch)


def build_in_this_process(patch: pytest.MonkeyPatch) -> None:
    from audiotag.records.engines.local import Local

    patch.setattr(Local, "make_shards", lambda engine, *work: ThisProcess().make_shards(*work))


@pytest.fixture(scope="session")
def data(built: Callable[..., Path]) -> Path:
    return built()


@pytest.fixture(scope="session")
def student(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch on the data set."""
    out = tmp_path_factory.mktemp("runs") / "student"
    assert run("train", data, "--out", out, *TRAINING).code == 0
    return out


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Mounts a small file system of given options, such as "size=100k"; only root can."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = []

    def mount(options: str) -> Disk:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this machine mounts no tmpfs: {done.stderr.strip()}")
        mounted.append(place)
        return Disk(place)

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)
