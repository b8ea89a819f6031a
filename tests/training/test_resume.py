"""Real `kill -9` of real training processes: what is left must be continued to the same weights."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag import distill, models, records
from audiotag.training import Recipe, train

KILLED = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from audiotag.training import Recipe, checkpoints, keeping, train

data, out = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def in_a_step(self, batch, logs=None, original=keeping.KeepState.on_train_batch_begin):
    original(self, batch, logs)
    if (self.state.epoch, batch) == (1, 2):
        die()

def in_a_checkpoint(file, original=np.savez, **arrays):
    original(file, **arrays)
    if "epoch-0003" in file.name:
        file.truncate(1000)
        die()

for moment in ("step", "checkpoint"):
    # TensorFlow is imported once; each run is a process of its own all the same.
    child = os.fork()
    if not child:
        tf.config.run_functions_eagerly(True)
        if moment == "step":
            keeping.KEPT_EVERY = 0.0
            keeping.KeepState.on_train_batch_begin = in_a_step
        else:
            checkpoints.np.savez = in_a_checkpoint
        train(Recipe(data, **{choices}), out)
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    files = [path.relative_to(out).as_posix() for path in Path(out).rglob("*") if path.is_file()]
    print(json.dumps([os.waitstatus_to_exitcode(ended), files]))
"""
CHOICES: dict[str, Any] = {
    "model": "passt",
    "model_options": {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4, "patchout_time": 1},
    "teacher": "random",
    "epochs": 4,
    "batch_size": 6,
    "learning_rate": 0.01,
    "seed": 7,
    "patience": 4,
    "monitor": "val_loss",
}


# What the steps are, eager or traced, test_trainee.py interrupts too.
pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def taught(build_tones: Any, tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    data = records.open(build_tones(tmp_path_factory.mktemp("taught")))
    clip_ids = data.clips["clip_id"].tolist()[3:]
    logits = np.random.default_rng(0).normal(size=(len(clip_ids), 3)).astype(np.float32)
    np.savez(data.path / "logits.npz", logits=logits, clip_id=clip_ids)
    distill.import_logits(data, data.path / "logits.npz", name="random")
    return data


def killed(data: records.Data, out: Path) -> list[tuple[int, list[str]]]:
    """Run in a process that kills itself in a step, then on in one that does so in a checkpoint.

    Returns:
        Exit code of each, and the files that it left.
    """
    script = KILLED.replace("{choices}", repr(CHOICES))
    done = subprocess.run(
        [sys.executable, "-c", script, str(data.path), str(out)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def last_state(out: Path) -> dict[str, np.ndarray]:
    with np.load(out / "checkpoints" / "epoch-0004.npz") as archive:
        return {name: archive[name] for name in archive.files}


def test_a_run_killed_in_a_step_and_in_a_checkpoint_ends_with_the_same_bits(
    taught: records.Data, tmp_path: Path
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    in_a_step, in_a_checkpoint = killed(taught, broken)
    assert in_a_step[0] == in_a_checkpoint[0] == -signal.SIGKILL
    assert {f"checkpoints/epoch-0001-step-00000{step}.npz" for step in (1, 2)} <= set(in_a_step[1])
    assert "student.keras" not in in_a_step[1]
    assert "checkpoints/epoch-0002.npz" in in_a_checkpoint[1]
    assert "checkpoints/epoch-0003.npz" not in in_a_checkpoint[1]
    recipe = Recipe(taught.path, **CHOICES)
    resumed, straight = train(recipe, broken), train(recipe, whole)
    first, second = last_state(broken), last_state(whole)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    assert resumed.history == straight.history
    assert (resumed.best_epoch, resumed.best_value) == (straight.best_epoch, straight.best_value)
    students = [models.load(run.student)[0].get_weights() for run in (resumed, straight)]
    assert all(np.array_equal(one, other) for one, other in zip(*students, strict=True))
