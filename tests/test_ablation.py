"""The comparison of ways to distil, run as users run it, at the smallest size that still goes the whole way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_arms_of_an_ablation_are_trained_and_compared_clip_by_clip(tmp_path: Path) -> None:
    options = ("--data", "synthetic", "--clips", "84", "--student", "mn01", "--variants", "0", "--epochs", "1")
    arms = (
        "--arms",
        "stored; stored, untouched; live; live, features; self",
        "--teacher-epochs",
        "1",
        "--seeds",
        "0,1",
    )
    done = subprocess.run(
        [sys.executable, "-m", "audiotag", "recipe", "distillation_ablation", *options, *arms],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if line.count("│") > 4}
    assert set(rows) >= {"labels", "stored", "stored, untouched", "live", "live, features", "self"}
    for name, row in rows.items():
        if name not in ("labels", "arm"):
            assert re.search(r"[+-]0\.\d{4} .*[+-]0\.\d{4} to [+-]0\.\d{4}", row), row
    runs = {path.parent.name for path in (tmp_path / "ablation").glob("*/student.keras")}
    assert {"labels", "labels-seed1", "live-features", "live-features-seed1", "teacher", "teacher-seed1"} <= runs
