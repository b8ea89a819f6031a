"""The package as users meet it: quick to start, whole in the wheel, no name taken that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("tensorflow", "keras", "librosa", "audiomentations", "sklearn", "pandas", "matplotlib", "scipy", "numba")


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tempfile.gettempdir(),  # away from the checkout, which Python would find first
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_heavy_is_imported_before_it_is_used():
    imported = ("audiotag", "audiotag.cli.app", "audiotag.records", "audiotag.training")
    code = "".join(f"import {name}; print(*sys.modules)\n" for name in imported)
    for name, loaded in zip(imported, run("-c", f"import sys\n{code}").splitlines(), strict=True):
        assert not set(HEAVY) & set(loaded.split()), name


def test_importing_audiotag_registers_its_classes_whichever_comes_first():
    for order in ("audiotag, keras", "keras, audiotag"):
        shown = run("-c", f"import {order}; print(keras.saving.get_registered_object('audiotag>AudioTagger').__name__)")
        assert shown.strip() == "AudioTagger"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel, built and unpacked into a folder."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_finds_its_dataset_and_recipe_files(unpacked):
    code = (
        "from audiotag import records, storage; print(storage.library('recipes').parts[-4:]);"
        "print(len(records.declare('synthetic', clips=36).clips));"
        "print(storage.find_in_library('recipes', 'quickstart').name)"
    )
    shown = run("-c", code, PYTHONPATH=str(unpacked)).splitlines()
    assert shown == [str(("site", "audiotag", "_library", "recipes")), "36", "quickstart.py"]


def test_the_wheel_holds_every_file_of_the_package_and_takes_no_other_name(unpacked):
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "audiotag").rglob("*") if path.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    packed = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert ours <= packed
    assert {name.split("/")[0] for name in packed} == {"audiotag", "audiotag-0.1.0.dist-info"}
