"""The published numbers, patchout and training, on TensorFlow, JAX and PyTorch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ALL = ("mn04_as_mAP_432", "mn04_as", "mn01_fc_s2211", "mn01_mhap", "dymn04_as", "passt_tiny")
TOLERANCE = 1e-4
SCRIPT = Path(__file__).with_name("backend_check.py")


def report_of(backend: str, folder: Path, names: tuple[str, ...]) -> dict:
    """What backend_check.py finds in a process that runs on a backend."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # Without optimisation XLA compiles in a third of the time; the numbers are those of the same operations.
    quick = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
    process = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *names],
        env={**os.environ, **quick, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    report = json.loads(process.stdout.splitlines()[-1])
    assert report["backend"] == backend
    return report


def judge(report: dict, names: tuple[str, ...]) -> None:
    assert {name.split()[0] for name in report["differences"]} == set(names)
    assert {name: found for name, found in report["differences"].items() if not found < TOLERANCE} == {}
    assert [fact for fact, holds in report["facts"].items() if not holds] == []


def test_every_golden_vector_holds_on_tensorflow(shared):
    specification = importlib.util.spec_from_file_location("backend_check", SCRIPT)
    check = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(check)
    judge(check.report(shared("golden").parent, ALL), ALL)


def test_every_golden_vector_holds_on_torch(shared):
    judge(report_of("torch", shared("golden").parent, ALL), ALL)


def test_published_mn_dymn_and_passt_hold_on_jax(shared):
    names = ("mn04_as_mAP_432", "dymn04_as", "passt_tiny")
    judge(report_of("jax", shared("golden").parent, names), names)


@pytest.mark.slow
def test_every_golden_vector_holds_on_jax(shared):
    judge(report_of("jax", shared("golden").parent, ALL), ALL)
