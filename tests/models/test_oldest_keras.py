"""The oldest Keras that is promised to open a student's file, in an environment of its own without audiotag."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from kept_process import module_of

pytestmark = pytest.mark.slow

OLDEST = "3.6.0"
check = module_of(Path(__file__).with_name("family_check.py"))
# These have layers of audiotag's own.
OURS = ("dymn", "fmn tf", "fmn att", "fmn hybrid", "passt")
FAMILIES = [family for family in check.FAMILIES if not family.startswith(OURS)]
OPENED = """
import sys, keras, numpy as np
assert keras.__version__ == sys.argv[1]
for path in sys.argv[2:]:
    stored = np.load(path.replace(".keras", ".npz"))
    outputs = keras.ops.convert_to_numpy(keras.saving.load_model(path)(stored["spectrograms"]))
    print(np.abs(outputs - stored["outputs"]).max() / np.abs(stored["outputs"]).max())
"""


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with that Keras and JAX."""
    folder = tmp_path_factory.mktemp("oldest")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    packages = [f"keras=={OLDEST}", "jax<0.11", "numpy"]
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, stderr=sys.stderr)
    return python


def test_it_opens_every_family_of_keras_own_layers_with_the_same_outputs(oldest: Path, tmp_path: Path) -> None:
    check.write(tmp_path)
    paths = [str(tmp_path / f"{list(check.FAMILIES).index(family)}.keras") for family in FAMILIES]
    environment = {"KERAS_BACKEND": "jax", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [oldest, "-c", OPENED, OLDEST, *paths], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    differences = dict(zip(FAMILIES, map(float, done.stdout.split()), strict=True))
    assert {family: value for family, value in differences.items() if not value < 1e-4} == {}
