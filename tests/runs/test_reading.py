"""What is known of a run: how far it has come, what it reached, and what of it is damaged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import runs, storage
from audiotag.errors import AudiotagError

Write = Callable[..., Path]
HOLDER = """
import pathlib, sys
from audiotag import storage
with storage.locked(pathlib.Path(sys.argv[1]), ""):
    print("locked", flush=True)
    input()
"""


def read(folder: Path) -> runs.RunSummary:
    (run,) = runs.read_all([folder])
    return run


def test_a_finished_run(write_run: Write, write_evaluation: Callable[..., None], tmp_path: Path) -> None:
    folder = write_run(tmp_path / "esc10", [0.5, 0.9, 0.8, 0.7])
    write_evaluation(folder, mAP=0.95, accuracy=0.9)
    write_evaluation(folder / "evaluation-esc50", "multilabel", mAP=0.5, F1=0.25)
    run = read(tmp_path)
    assert (run.name, run.folder, run.state, run.notes) == ("esc10", folder, "finished", ())
    assert (run.checkpoint.epoch, run.checkpoint.best_epoch, run.checkpoint.best_value) == (4, 2, 0.9)
    assert run.checkpoint.parameters == 13
    assert run.measured == {"loss": 1.0, "val_loss": 1.5, "val_accuracy": 0.9}
    assert run.means == {"mAP": 0.95, "accuracy": 0.9, "esc50/mAP": 0.5, "esc50/F1": 0.25}
    assert run.bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert run.modified.timestamp() == pytest.approx(max(path.stat().st_mtime for path in folder.rglob("*.*")))


def test_the_states_of_runs(write_run: Write, tmp_path: Path) -> None:
    write_run(tmp_path / "begun", [], finished=False)
    write_run(tmp_path / "half", [0.1, 0.2], finished=False)
    write_run(tmp_path / "patient", [0.2, 0.1, 0.1], stopped=True, patience=2)
    write_run(tmp_path / "unwritten", [0.1, 0.2, 0.3, 0.4], finished=False)
    write_run(tmp_path / "longer", [0.1, 0.2], epochs=3)
    write_run(tmp_path / "slim", [])
    states = {run.name: (run.state, run.epoch) for run in runs.read_all([tmp_path])}
    assert states == {
        "begun": ("unfinished", 0),
        "half": ("unfinished", 2),
        "patient": ("stopped early", 3),
        "unwritten": ("unfinished", 4),
        "longer": ("unfinished", 2),
        "slim": ("finished", None),
    }


def test_a_run_that_another_process_trains_is_in_use(write_run: Write, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    folder = write_run(tmp_path / "run", [0.1], finished=False)
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        assert read(tmp_path).state == "in use"
        with pytest.raises(AudiotagError, match="taken"), storage.locked(folder, "taken"):
            pass
        holder.communicate(b"\n")
    assert read(tmp_path).state == "unfinished"
    with storage.locked(folder, "taken"):
        assert read(tmp_path).state == "in use"


def test_a_torn_checkpoint_is_named_and_the_one_before_is_taken(write_run: Write, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.1, 0.2, 0.3], finished=False)
    newest = folder / "checkpoints" / "epoch-0003.npz"
    newest.write_bytes(newest.read_bytes()[:-40])
    run = read(tmp_path)
    assert (run.state, run.epoch, run.notes) == ("unfinished", 2, ("checkpoints/epoch-0003.npz is damaged",))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"model = ", b"title = 'a cake'"])
def test_a_damaged_recipe_hinders_no_other_run(write_run: Write, tmp_path: Path, content: bytes) -> None:
    write_run(tmp_path / "whole", [0.1])
    (write_run(tmp_path / "torn", [0.1, 0.2]) / "recipe.toml").write_bytes(content)
    torn, whole = runs.read_all([tmp_path])
    assert (torn.name, torn.state, torn.epoch) == ("torn", "damaged", 2)
    assert torn.notes[0].startswith("recipe.toml is ")
    assert (whole.name, whole.notes) == ("whole", ())


def test_a_run_whose_checkpoints_are_all_damaged_is_damaged(write_run: Write, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.1], finished=False)
    (folder / "checkpoints" / "epoch-0001.npz").write_bytes(b"PK nothing")
    assert read(tmp_path).state == "damaged"


def test_damaged_figures_of_an_evaluation_are_named(write_run: Write, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.1, 0.2, 0.3, 0.4])
    for content in ("{", "[]", '{"summary": {}}', '{"summary": {}, "task": "singing"}'):
        (folder / "metrics.json").write_text(content)
        assert (read(tmp_path).state, read(tmp_path).notes) == ("finished", ("metrics.json is damaged",))


def test_runs_are_found_once_below_all_folders_and_not_in_runs_or_hidden_folders(
    write_run: Write, tmp_path: Path
) -> None:
    for name in ("a/one", "a/deep/two", "b", "b/teacher", ".hidden/three"):
        write_run(tmp_path / name, [0.1])
    assert [run.name for run in runs.find([tmp_path])] == ["a/deep/two", "a/one", "b"]
    assert [run.name for run in runs.find([tmp_path / "a", tmp_path / "b", tmp_path])] == ["deep/two", "one", "b"]
    with pytest.raises(AudiotagError, match="below a folder"):
        runs.find([tmp_path / "nothing"])


def test_runs_of_a_store_are_read_as_those_of_this_machine(
    write_run: Write, write_evaluation: Callable[..., None], tmp_path: Path
) -> None:
    folder = write_run(tmp_path / "run", [0.1, 0.3])
    write_evaluation(folder, mAP=0.5, accuracy=0.75)
    write_run(tmp_path / "deep/torn", [0.1])
    (tmp_path / "deep/torn/recipe.toml").write_bytes(b"model = ")
    store = storage.place("memory://bucket/runs")
    for path in tmp_path.rglob("*.*"):
        store.fs.pipe_file(f"{store.path}/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    assert all(storage.is_remote(run.folder) for run in runs.find([store]))

    def plain(run: runs.RunSummary) -> tuple:
        return run.name, run.state, run.recipe, run.checkpoint, run.means, run.bytes, run.notes

    assert list(map(plain, runs.read_all(["memory://bucket/runs"]))) == list(map(plain, runs.read_all([tmp_path])))
    (alone,) = runs.read_all(["memory://bucket/runs/run"])
    assert (alone.name, alone.epoch) == ("run", 2)
    with pytest.raises(AudiotagError, match="holds nothing"):
        runs.find(["memory://bucket/none"])
