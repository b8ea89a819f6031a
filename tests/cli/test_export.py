"""`audiotag export`: from a run to a file that every other command opens, and what a mistake leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., object]
Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def exported(command: Command, student: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the run that was exported, and what the command printed."""
    run = shutil.copytree(student, tmp_path_factory.mktemp("exported") / "run")
    recipe = (run / "recipe.toml").read_text(encoding="utf-8")
    # As if it had been validated, so that it has clips of its own.
    (run / "recipe.toml").write_text(recipe.replace('validation = "none"', 'validation = "validation"'))
    outcome = command("export", run)
    assert outcome.code == 0, outcome.err
    return run, outcome.out


def test_a_run_is_exported_into_its_folder_and_proved_on_its_validation(exported: tuple[Path, str]) -> None:
    run, out = exported
    assert sorted(path.name for path in (run / "export").iterdir()) == [
        "run-float32.tflite",
        "run-float32.tflite.parity.json",
    ]
    parity = json.loads((run / "export" / "run-float32.tflite.parity.json").read_text())
    assert parity["clips"] == 4
    assert parity["source"].endswith("validation")
    assert "run-float32.tflite: " in out.splitlines()[-2]


def test_the_file_is_evaluated_and_tags_without_further_options(
    command: Command, exported: tuple[Path, str], data: Path, recordings: Path, classes: tuple[str, ...], tmp_path: Path
) -> None:
    file = exported[0] / "export" / "run-float32.tflite"
    options = ("--split", "validation", "--source", recordings, "--resamples", 0, "--out", tmp_path / "report")
    assert command("evaluate", file, "--data", data, *options).code == 0
    tagged = command("tag", recordings / "class 0" / "0.wav", "--model", file, "--top", 4, "--format", "csv")
    assert tagged.code == 0
    assert all(name.replace('"', '""') in tagged.out for name in classes)


def test_what_is_there_is_kept(refuse: Refuse, exported: tuple[Path, str]) -> None:
    before = (exported[0] / "export" / "run-float32.tflite").stat()
    assert "--overwrite" in refuse("export", exported[0])
    assert (exported[0] / "export" / "run-float32.tflite").stat() == before


@pytest.mark.parametrize("to", ["litert", "savedmodel"])
def test_a_full_disk_keeps_nothing(refuse: Refuse, student: Path, disk: Callable, to: str) -> None:
    small = disk("size=40k")
    out = small.path / ("x.tflite" if to == "litert" else "x")
    assert "make room" in refuse("export", student, "--to", to, "--out", out)
    assert list(small.path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "coreml"), "coreml"),
        (("--to", "savedmodel", "--precision", "dynamic"), "savedmodel is written in float32, received"),
        (("--seconds", "long"), "seconds are a number or any"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line(refuse: Refuse, student: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in refuse("export", student, *arguments)


def test_what_is_no_network_of_log_mel_is_refused(refuse: Refuse, exported: tuple[Path, str]) -> None:
    file = exported[0] / "export" / "run-float32.tflite"
    assert "a Keras network of log-mel" in refuse("export", file, "--out", file.with_name("again.tflite"))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_another_backend_the_command_starts_again_on_tensorflow(student: Path, tmp_path: Path, backend: str) -> None:
    out = tmp_path / "x.tflite"
    command = [sys.executable, "-m", "audiotag", "export", str(student), "--out", str(out)]
    done = subprocess.run(command, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("KERAS_BACKEND=tensorflow") == 1
    assert out.is_file()
