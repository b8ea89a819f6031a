"""Every family of networks: saved, opened again on each backend, and where audiotag is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("family_check.py")
# The families that have layers which Keras lacks: for them `import audiotag` is needed.
OWN_LAYERS = {"dymn", "dymn replace_se", "passt", "passt frames"}
TOLERANCE = 1e-4


def run(task: str, folder: Path, backend: str) -> str:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # Without optimisation XLA compiles in a third of the time; the numbers are those of the same operations.
    quick = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
    environment = {**os.environ, **quick, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), task, str(folder)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    run("write", folder, "tensorflow")
    return folder


SLOW = [pytest.param(backend, marks=pytest.mark.slow) for backend in ("tensorflow", "jax")]


@pytest.mark.parametrize("backend", ["torch", *SLOW])
def test_every_family_opens_with_the_same_logits(written, backend):
    differences = json.loads(run("open", written, backend).splitlines()[-1])
    assert len(differences) == 15
    assert {name: found for name, found in differences.items() if isinstance(found, str) or found > TOLERANCE} == {}


def test_plain_keras_opens_all_but_the_families_with_layers_of_their_own(written):
    found = json.loads(run("without", written, "tensorflow").splitlines()[-1])
    closed = {name for name, difference in found.items() if isinstance(difference, str)}
    assert closed == OWN_LAYERS
    assert all(difference <= TOLERANCE for name, difference in found.items() if name not in OWN_LAYERS)
