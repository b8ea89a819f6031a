"""`audiotag build --keep-waveforms` and `audiotag teach --labels --map`, in this process."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio, cli, records, storage
from audiotag.cli.app import app
from audiotag.labels import Labels


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder a class, built with waveforms."""
    generator = np.random.default_rng(0)
    for name in ("low", "high"):
        for take in range(3):
            audio.write(tmp_path / "in" / name / f"{take}.wav", generator.normal(scale=0.1, size=8000), 16_000)
    arguments = ["--quiet", "build", str(tmp_path / "in"), "--out", str(tmp_path / "data"), "--seconds", "0.5"]
    assert cli.run(app, [*arguments, "--front-end", "yamnet", "--workers", "1", "--keep-waveforms"]) == 0
    return tmp_path / "data"


def test_a_plain_keras_file_of_waveforms_teaches_by_labels_and_a_map(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert records.open(built).waveforms
    inputs = keras.Input((8000,))
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(tmp_path / "ear.keras")
    (tmp_path / "names").mkdir()
    Labels(("Squeak", "rumble", "other")).write(names := tmp_path / "names" / "labels.csv")
    (tmp_path / "map.csv").write_text("teacher,data\nsqueak,high\nRumble,low\nother,low\n", encoding="utf-8")
    teach = ["--quiet", "teach", str(built), "--teacher", str(tmp_path / "ear.keras")]
    assert cli.run(app, teach) == 2
    assert "has 3 outputs, in has 2" in capsys.readouterr().err
    assert cli.run(app, [*teach, "--labels", str(names)]) == 2
    assert "ear must know a class of in, it has 3 (Squeak, rumble, other)" in capsys.readouterr().err
    assert cli.run(app, [*teach, "--labels", str(names), "--map", str(tmp_path / "map.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{built / 'teachers' / 'ear'}: 100% of the records, 2 of 2 classes known to the teacher"
    assert lines[1:] == [
        "  ear does not state its sample rate: taken for the data set's, 16000 Hz",
        "  ear does not state what its outputs are: taken for logits, since of noise some values lie outside [0, 1]",
        "  scores are the softmax of the outputs of ear, since in is multiclass",
        "  ear hears waveforms at 16000 Hz, of the records",
    ]
    assert storage.read_json(built / "teachers" / "ear" / "teacher.json")["classes_without"] == []
    assert cli.run(app, ["--quiet", "verify", str(built)]) == 0
