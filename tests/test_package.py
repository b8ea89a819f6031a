"""The package as users meet it: quick to start, whole in the wheel, no name taken that is not ours."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from audiotag.registration import CLASSES

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
    imported = ("audiotag", "audiotag.cli.app", "audiotag.records", "audiotag.training", "audiotag.runs.summary")
    imported += ("audiotag.augment.batches",)
    code = "".join(f"import {name}; print(*sys.modules)\n" for name in imported)
    for name, loaded in zip(imported, run("-c", f"import sys\n{code}").splitlines(), strict=True):
        assert not set(HEAVY) & set(loaded.split()), name


def test_tagging_with_an_exported_file_loads_neither_keras_nor_tensorflow(tmp_path):
    import keras
    import numpy as np

    from audiotag import audio, export, frontend, tagging
    from audiotag.labels import Labels

    front_end = frontend.LogMelConfig("small", sample_rate=8000, window=200, hop=200, fft=256, mels=16, fmax=4000)
    inputs = keras.Input((None, 16, 1))
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inputs)))
    tagging.AudioTagger(network, Labels(("dog", "rain")), front_end, seconds=1.0).save(tmp_path / "tagger.keras")
    audio.write(tmp_path / "x.wav", np.sin(np.arange(20_000, dtype=np.float32)), 8000)
    for to, name in (("litert", "x.tflite"), ("onnx", "x.onnx")):
        export.export(tmp_path / "tagger.keras", export.Form(to), tmp_path / name)
        command = ["tag", str(tmp_path / "x.wav"), "--model", str(tmp_path / name), "--format", "csv"]
        code = f"import sys; from audiotag.cli import main; sys.argv[1:] = {command}"
        *table, loaded = run("-c", f"{code}\ntry: main()\nfinally: print(*sys.modules)").splitlines()
        assert len(table) == 1 + 3 * 2
        assert not {"tensorflow", "keras", "librosa", "pandas", "sklearn", "matplotlib"} & set(loaded.split())


def test_every_class_of_saved_files_is_registered_under_its_name():
    import keras

    for module, names in CLASSES.items():
        for name in names:
            real = getattr(importlib.import_module(module), name)
            assert keras.saving.get_registered_object(f"audiotag>{name}") is real
    own = {name for name in keras.saving.get_custom_objects() if name.startswith("audiotag>")}
    assert own == {f"audiotag>{name}" for names in CLASSES.values() for name in names}


@pytest.mark.slow  # the processes of the other backends, which are kept for many tests, import the two in either order
@pytest.mark.parametrize("first", ["from audiotag.models.layers import Patchout", "import audiotag", "import keras"])
def test_a_tagger_s_file_opens_whatever_is_imported_first(tmp_path, first):
    import keras

    from audiotag import frontend, tagging
    from audiotag.labels import Labels

    front_end = frontend.LogMelConfig("small", sample_rate=8000, window=200, hop=200, fft=256, mels=16, fmax=4000)
    inputs = keras.Input((None, 16, 1))
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inputs)))
    tagger = tagging.AudioTagger(network, Labels(("dog", "rain")), front_end, seconds=1.0)
    tagger.save(tmp_path / "tagger.keras")
    code = f"{first}; import audiotag, keras, sys; print(type(keras.saving.load_model(sys.argv[1])).__name__)"
    assert run("-c", code, str(tmp_path / "tagger.keras")).strip() == "AudioTagger"


IN_A_CHILD = """
import importlib, os, sys
import numpy, pandas, scipy, tensorflow

def fails(name):
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
            os._exit(0)
        except BaseException as error:
            print(name, error, flush=True)
            os._exit(1)
    return os.waitpid(child, 0)[1] != 0

print([name for name in sys.argv[1:] if fails(name)])
"""


@pytest.mark.slow
def test_any_module_may_be_the_first_import_of_a_process():
    files = sorted((ROOT / "audiotag").rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    assert len(names) > 100
    assert run("-c", IN_A_CHILD, *names).strip() == "[]"


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
