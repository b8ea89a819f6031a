"""`audiotag sweep`: real runs, what is printed of them, and the command that it ends with."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from audiotag import records, runs, sweeps
from audiotag.training import Recipe, published

Command = Callable[..., Any]

KILLED = """
import os, signal, sys
from audiotag import cli
from audiotag.cli.app import app
from audiotag.sweeps import watching

epochs = iter(range(int(sys.argv[1])))

def die_in_time(self, epoch, original=watching.Watch._judge):
    if next(epochs, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    original(self, epoch)

watching.Watch._judge = die_in_time
sys.exit(cli.run(app, sys.argv[2:]))
"""


@pytest.fixture
def arguments(data: Path, training: tuple[str, ...]) -> tuple[object, ...]:
    """A sweep of the shortest trainings there are, two of which can be told apart."""
    pytest.importorskip("optuna")
    options = [word for word in training if word not in ("--validation", "none")]
    return ("sweep", data, *options, "--validation", "validation", "--vary", "learning_rate=0.001,1e-9")


def test_trials_are_trained_shown_and_comparable(
    command: Command, arguments: tuple[object, ...], tmp_path: Path, eager: None
) -> None:
    out = tmp_path / "sweep"
    shown = command(*arguments, "--out", out)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[1].split() == ["name", "state", "val_accuracy", "epochs", "learning_rate"]
    assert {(line.split()[0], line.split()[1]) for line in lines[3:5]} == {
        ("trial-0001", "finished"),
        ("trial-0002", "finished"),
    }
    again = json.loads(command(*arguments, "--out", out, "--json").out)
    assert [trial["name"] for trial in again["trials"]] == ["trial-0001", "trial-0002"]
    assert again["command"] in lines
    assert all((out / trial["name"] / "tagger.keras").is_file() for trial in again["trials"])
    assert all(list((out / trial["name"] / "hparams").glob("events*")) for trial in again["trials"])
    listed = {run.name: run for run in runs.read_all([out])}
    assert {name: run.checkpoint.best_value for name, run in listed.items()} == {
        trial["name"]: trial["value"] for trial in again["trials"]
    }


def test_the_command_of_the_best_asks_for_its_recipe(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def train(recipe: Recipe, out: str, **devices: str | None) -> Any:
        asked.append((recipe, out))
        return SimpleNamespace(path=out, recipe=recipe, best_value=None, best_epoch=1, epochs=1)

    monkeypatch.setattr("audiotag.training.train", train)
    for recipe in (
        Recipe("my data"),
        Recipe("data", "mn02", {"head": "frames", "dropout": 0.5}, weights="audioset", new_head=False, balance=True),
        Recipe("data", model_options={"a": "true", "b": [1, 2]}, augment={"roll": 100, "x": {"y": 0.5, "z": "t"}}),
        Recipe("data", learning_rate=1.2345678901234567e-05, optimizer="adamw", weight_decay=0.1, fold=2, mixup=0.0),
    ):
        line = sweeps.command(recipe, "runs/the best")
        words = shlex.split(line)
        assert words[0] == "audiotag"
        assert command(*words[1:]).code == 0
        assert asked.pop() == (recipe, "runs/the best")


def test_a_preset_holds_for_all_trials_but_for_what_is_typed(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def sweep(recipe: Recipe, dimensions: list[sweeps.Choices], out: str, **options: Any) -> sweeps.Sweep:
        asked.append(recipe)
        return sweeps.Sweep(Path(out), recipe, (), 0)

    monkeypatch.setattr("audiotag.sweeps.sweep", sweep)
    options = ("--monitor", "val_loss", "--epochs", 3, "--vary", "mixup=0,1")
    assert command("sweep", data, "--out", "sweeps/one", "--preset", "dcase20_dymn", *options).code == 0
    assert asked == [published.preset("dcase20_dymn").recipe(records.open(data), epochs=3, monitor="val_loss")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--vary", "mixup"), "write mixup=A,B,C"),
        (("--vary", "mixup=0,1", "--timeout", "soon"), "write 90, 30m or 8h"),
        (("--vary", "mixup=0,1", "--prune", "all"), "hyperband"),
        ((), "--vary"),
    ],
)
def test_a_mistake_is_one_line(
    refuse: Callable[..., str], data: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in refuse("sweep", data, "--out", tmp_path / "sweep", *options)


def interrupted(arguments: list[str], epochs: int) -> int:
    """Exit status of a sweep that is killed after so many epochs."""
    command = [sys.executable, "-c", KILLED, str(epochs), *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}).returncode


@pytest.mark.slow
def test_a_sweep_killed_again_and_again_ends_as_one_that_was_not(arguments: tuple[object, ...], tmp_path: Path) -> None:
    """The same choices, figures and final weights, bit for bit."""
    vary = ("--vary", "learning_rate=1e-4..1e-2:log", "--trials", "3", "--epochs", "3", "--prune", "none")
    words = [*map(str, arguments[:-2]), *vary]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert interrupted([*words, "--out", str(whole)], 100) == 0
    statuses = [interrupted([*words, "--out", str(killed)], 2) for _ in range(8)]
    assert statuses.count(-signal.SIGKILL) >= 3 and statuses[-1] == 0
    for name in ("trial-0001", "trial-0002", "trial-0003"):
        states = [np.load(out / name / "checkpoints" / "epoch-0003.npz") for out in (whole, killed)]
        assert states[0].files == states[1].files
        assert all(np.array_equal(states[0][member], states[1][member]) for member in states[0].files)
