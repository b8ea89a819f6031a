"""UrbanSound8K's table: folds, classes in the order of classID, and what is wrong with a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError

HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"
ROWS = (
    "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark",
    "100263-2-0-117.wav,100263,58.5,62.5,1,10,2,children_playing",
)


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, "audio/fold5/100032-3-0-0.wav", "audio/fold10/100263-2-0-117.wav")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text("\n".join([HEADER, *ROWS, ""]), encoding="utf-8")
    return tmp_path


def test_folds_classes_and_recordings_are_those_of_the_table(source: Path) -> None:
    declared = records.declare("urbansound8k", source=source)
    assert declared.labels.names == ("children_playing", "dog_bark")
    assert [(clip.clip_id, clip.split, clip.labels, clip.columns["recording"]) for clip in declared.clips] == [
        ("100032-3-0-0", "fold5", ("dog_bark",), "100032"),
        ("100263-2-0-117", "fold10", ("children_playing",), "100263"),
    ]
    assert (declared.task, declared.seconds) == ("multiclass", 4.0)
    assert all(len(declared.read(declared.root, clip, 8000)) == 800 for clip in declared.clips)


def test_what_is_wrong_is_one_clear_error(source: Path) -> None:
    with pytest.raises(AudiotagError, match=r"zenodo\.org/records/1203745 and name its folder with --source"):
        records.declare("urbansound8k")
    with (source / "metadata" / "UrbanSound8K.csv").open("a", encoding="utf-8") as file:
        file.write("../x.wav,1,0,1,1,1,3,cat\n")
    with pytest.raises(AudiotagError, match="line 4: classID 3 is both dog_bark and cat"):
        records.declare("urbansound8k", source=source)
