"""FSD50K: labels with commas, a vocabulary without a header, recordings of 0.3 to 30 s."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError

VOCABULARY = ("1,Music,/m/04rlf", "0,Guitar,/m/0342h", "2,Domestic_sounds_and_home_sounds,/t/dd00071")
DEV = ("fname,labels,mids,split", '64760,"Guitar,Music","/m/0342h,/m/04rlf",train', "16399,Music,/m/04rlf,val")
EVAL = ("fname,labels,mids", '37199,"Music,Guitar","/m/04rlf,/m/0342h"', "5,Music,/m/04rlf")


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, "FSD50K.dev_audio/64760.wav", seconds=0.3)
    noises(tmp_path, "FSD50K.dev_audio/16399.wav", seconds=10.1)  # a rest below 2 % of a clip
    noises(tmp_path, "FSD50K.eval_audio/37199.wav", seconds=25.5)
    folder = tmp_path / "FSD50K.ground_truth"
    folder.mkdir()
    for name, lines in (("vocabulary", VOCABULARY), ("dev", DEV), ("eval", EVAL)):
        (folder / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return tmp_path


def test_long_recordings_are_cut_and_their_parts_stay_together(source: Path) -> None:
    declared = records.declare("fsd50k", source=source)
    assert declared.labels.names == ("Guitar", "Music", "Domestic_sounds_and_home_sounds")
    assert declared.labels.ids == ("/m/0342h", "/m/04rlf", "/t/dd00071")
    assert [(clip.clip_id, clip.split, clip.start, clip.end, clip.labels) for clip in declared.clips] == [
        ("64760", "train", 0.0, None, ("Guitar", "Music")),
        ("16399", "validation", 0.0, None, ("Music",)),
        ("37199#0.000", "test", 0.0, 10.0, ("Music", "Guitar")),
        ("37199#10.000", "test", 10.0, 20.0, ("Music", "Guitar")),
        ("37199#15.500", "test", 15.5, 25.5, ("Music", "Guitar")),
        ("5", "test", 0.0, None, ("Music",)),  # is not there: one clip, which the build rejects
    ]
    assert {clip.columns["recording"] for clip in declared.clips[2:5]} == {"37199"}
    assert (declared.task, declared.seconds, declared.pad) == ("multilabel", 10.0, "zero")
    assert len(declared.read(declared.root, declared.clips[4], 8000)) == 80_000


def test_thirty_seconds_keep_recordings_whole(source: Path) -> None:
    declared = records.declare("fsd50k", source=source, seconds=30.0)
    assert [clip.clip_id for clip in declared.clips] == ["64760", "16399", "37199", "5"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('1,"Guitar;Music",x,train', r"dev\.csv line 4: labels are separated by commas .* 'Guitar;Music' and 'train'"),
        ("1,Music,x,test", "line 4: .* 'Music' and 'test'"),
        ("64760,Music,x,train", "'64760' has line 2 and line 4"),
    ],
)
def test_a_broken_row_is_one_line(source: Path, row: str, message: str) -> None:
    with (source / "FSD50K.ground_truth" / "dev.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    with pytest.raises(AudiotagError, match=message):
        records.declare("fsd50k", source=source)


def test_what_is_wrong_is_said(source: Path) -> None:
    with pytest.raises(AudiotagError, match=r"zenodo\.org/records/4060432 .* --source"):
        records.declare("fsd50k")
    with pytest.raises(AudiotagError, match=r"between 0\.3 and 30, as the recordings do, received 60"):
        records.declare("fsd50k", source=source, seconds=60)
