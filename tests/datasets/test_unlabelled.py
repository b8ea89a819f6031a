"""Recordings at any depth become clips that nobody has labelled, in the classes of a teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, models, records
from audiotag.errors import AudiotagError
from tests.in_process import ThisProcess


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name, seconds in (("a.wav", 0.3), ("deep/b.wav", 1.2), ("deep/er/c.flac", 0.5)):
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, generator.normal(scale=0.1, size=int(8000 * seconds)).astype(np.float32), 8000)
    return tmp_path / "sounds"


def test_every_recording_is_there_in_audioset_s_classes(sounds: Path) -> None:
    declared = records.declare("unlabelled", source=sounds, seconds=0.5)
    assert declared.labels == models.preset("mn04_as").vocabulary
    assert declared.task == "multilabel"
    assert [clip.source for clip in declared.clips] == ["a.wav", *["deep/b.wav"] * 3, "deep/er/c.flac"]
    assert {(clip.split, clip.labels, clip.columns["unknown"]) for clip in declared.clips} == {("train", (), "*")}


def test_classes_are_those_of_a_table_too_and_nothing_is_a_target(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("index,id,name\n0,dog,Dog\n1,rain,Rain\n", encoding="utf-8")
    declared = records.declare("unlabelled", source=sounds, seconds=0.5, vocabulary=str(tmp_path / "labels.csv"))
    records.build(declared, tmp_path / "data", engine=ThisProcess())
    assert "nobody has labelled a clip" in capsys.readouterr().err
    data = records.open(tmp_path / "data")
    assert all(np.isnan(batch["target"]).all() for batch in data.batches(batch_size=2))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"vocabulary": "mn04_im"}, "names no sounds"),
        ({"vocabulary": "mn04_s"}, "did you mean"),
        ({"seconds": 0}, "at least 0.001"),
        ({"source": "nowhere"}, "no such folder"),
    ],
)
def test_what_cannot_be_is_refused(sounds: Path, choices: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        records.declare("unlabelled", **{"source": sounds} | choices)


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="holds no sound files"):
        records.declare("unlabelled", source=tmp_path)
