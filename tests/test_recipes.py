"""The recipes, run as users run them, at the smallest size that still goes the whole way."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from audiotag import metrics

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """Folder and output of a quickstart with few clips and one epoch."""
    folder = tmp_path_factory.mktemp("quickstart")
    sizes = {"--clips": "48", "--variants": "1", "--teacher-epochs": "1", "--student-epochs": "1"}
    command = ["recipe", "quickstart", *(word for option in sizes.items() for word in option)]
    done = subprocess.run(
        [sys.executable, "-m", "audiotag", *command],
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "quickstart", done


def test_the_last_lines_are_every_class_the_tensorboard_command_and_what_the_student_costs(quickstart):
    folder, done = quickstart
    lines = [line.strip() for line in done.stdout.strip().splitlines()]
    assert lines[-1] == "tensorboard --logdir quickstart/student"
    shown = metrics.load(folder / "student" / "predictions.npz")
    mean = np.mean([average_precision_score(shown.targets[:, i], shown.scores[:, i]) for i in range(12)])
    both = re.search(r"teacher: mAP [\d.]+ for ([\d.]+) million .*; student: mAP ([\d.]+) for ([\d.]+)", done.stdout)
    teacher_cost, score, student_cost = map(float, both.groups())
    assert score == pytest.approx(mean, abs=6e-4)
    assert student_cost < teacher_cost / 5
    for name in shown.labels.names:
        assert any(line.startswith(name) for line in lines[-45:])


def test_nothing_that_tensorflow_says_at_its_start_is_seen(quickstart):
    _, done = quickstart
    for chatter in ("oneDNN", "cuda", "WARNING", "UserWarning", "I0000", "TF-TRT"):
        assert chatter not in done.stderr + done.stdout


def test_every_artefact_of_the_way_is_there(quickstart):
    folder, _ = quickstart
    for path in (
        "data/dataset.json",
        "data/teachers/passt/teacher.json",
        "teacher/student.keras",
        "student/student.keras",
        "student/tagger.keras",
        "student/recipe.toml",
        "student/metrics.csv",
        "mixture.wav",
    ):
        assert (folder / path).is_file(), path
    for events in ("train", "validation", "evaluation"):
        assert list((folder / "student" / events).glob("events.out.tfevents.*"))
