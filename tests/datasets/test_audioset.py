"""AudioSet's tables and the names of its recordings: ids that begin with - _ and Y, starts, vanished segments."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from tests.in_process import ThisProcess

CLASSES = ["index,mid,display_name", "2,/m/04rlf,Music", "0,/m/09x0r,Speech", '1,/m/05zppz,"Male speech, man speaking"']
HEAD = [
    "# Segments csv created Sun Mar  5 10:54:25 2017",
    "# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=5",
    "# YTID, start_seconds, end_seconds, positive_labels",
]
TABLES = {
    "balanced_train_segments.csv": [
        '-0RWZT-miFs, 420.000, 430.000, "/m/09x0r,/m/05zppz"',
        '_bcdefghij-, 30.000, 40.000, "/m/04rlf"',
        '--vanished-, 0.000, 10.000, "/m/04rlf"',
    ],
    "unbalanced_train_segments.csv": [
        'Ybcdefghijk, 5.500, 15.500, "/m/09x0r"',
        'abcdefghij_, 7.000, 17.000, "/m/09x0r"',
    ],
    "eval_segments.csv": ['ABCDEFGHIJK, 0.000, 10.000, "/m/04rlf"', 'Zbcdefghijk, 30.000, 40.000, "/m/04rlf"'],
}
RECORDINGS = {
    "-0RWZT-miFs": "train/-0RWZT-miFs.wav",
    "_bcdefghij-": "train/deep/Y_bcdefghij-.flac",
    "Ybcdefghijk": "Ybcdefghijk_5500.wav",
    "abcdefghij_": "Yabcdefghij__7.000_17.000.flac",
    "ABCDEFGHIJK": "eval/ABCDEFGHIJK_0.wav",
}
WRONG = ("Zbcdefghijk_300000.wav", "._--vanished-.wav", "--vanished-.txt")


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, *RECORDINGS.values(), *WRONG[:2])
    (tmp_path / WRONG[2]).touch()
    (tmp_path / "class_labels_indices.csv").write_text("\n".join([*CLASSES, ""]), encoding="utf-8")
    for name, rows in TABLES.items():
        (tmp_path / name).write_text("\n".join([*HEAD, *rows, ""]), encoding="utf-8")
    return tmp_path


def test_subsets_are_splits_and_segments_are_found_by_their_ids(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = records.declare("audioset", source=source)
    assert capsys.readouterr().err == (
        f"{source.resolve()}: 2 of 7 segments have no recording; clips.csv lists them as rejected\n"
    )
    assert [(clip.clip_id, clip.split) for clip in declared.clips] == [
        *(("-0RWZT-miFs", "balanced"), ("_bcdefghij-", "balanced"), ("--vanished-", "balanced")),
        *(
            ("Ybcdefghijk", "unbalanced"),
            ("abcdefghij_", "unbalanced"),
            ("ABCDEFGHIJK", "test"),
            ("Zbcdefghijk", "test"),
        ),
    ]
    assert {clip.clip_id: clip.source for clip in declared.clips} == {
        **RECORDINGS,
        "--vanished-": "--vanished-.wav",
        "Zbcdefghijk": "Zbcdefghijk.wav",
    }
    assert declared.clips[0].labels == ("Speech", "Male speech, man speaking")
    assert declared.labels.ids == ("/m/09x0r", "/m/05zppz", "/m/04rlf")
    assert (declared.task, declared.seconds, declared.name) == ("multilabel", 10.0, "audioset")


def test_a_vanished_segment_stands_in_clips_csv_with_its_reason(source: Path, tmp_path: Path) -> None:
    declared = records.declare("audioset", source=source, subset="balanced")
    assert declared.name == "audioset_balanced"
    report = records.build(declared, tmp_path / "built", engine=ThisProcess())
    assert (report.clips, report.rejected) == (3, 1)
    with (tmp_path / "built" / "clips.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["clip_id"]: (row["status"], row["reason"]) for row in csv.DictReader(file)}
    assert rows.pop("--vanished-") == ("rejected", "--vanished-.wav is missing: no such file")
    assert set(rows.values()) == {("ok", "")}


def test_files_are_not_looked_at_row_by_row(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    for name in ("stat", "lstat"):
        original = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda path, *a, original=original, **k: (calls.append(path), original(path, *a, **k))[1]
        )
    records.declare("audioset", source=source, subset="eval")
    few = len(calls)
    with (source / "eval_segments.csv").open("a", encoding="utf-8") as file:
        file.writelines(f'row_{number:07d}, 0.000, 10.000, "/m/04rlf"\n' for number in range(300))
    calls.clear()
    records.declare("audioset", source=source, subset="eval")
    assert len(calls) <= few


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('ZZZZZZZZZZZ, 0.000, 10.000, "/m/none"', r"line 6: '/m/none' is no class of class_labels_indices\.csv"),
        ("ZZZZZZZZZZZ, 0.000, 10.000, /m/04rlf,/m/09x0r", "line 6: a row has 4 cells, this one 5: quote"),
        ('ZZZZZZZZZZZ, soon, 10.000, "/m/04rlf"', "line 6: start_seconds must be a number, received 'soon'"),
    ],
)
def test_a_broken_row_is_one_line(source: Path, row: str, message: str) -> None:
    with (source / "eval_segments.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    with pytest.raises(AudiotagError, match=message):
        records.declare("audioset", source=source)


def test_what_is_not_there_is_said(source: Path) -> None:
    with pytest.raises(AudiotagError, match=r"research\.google\.com/audioset/download\.html .* --source"):
        records.declare("audioset")
    for name in RECORDINGS.values():
        (source / name).unlink()
    with pytest.raises(AudiotagError, match=r"no recording of the 7 segments: they are named ID\.wav"):
        records.declare("audioset", source=source)
    for name in TABLES:
        (source / name).unlink()
    with pytest.raises(AudiotagError, match=r"no such file: .*balanced_train_segments\.csv"):
        records.declare("audioset", source=source)
    with pytest.raises(AudiotagError, match="no such folder"):
        records.declare("audioset", source=source / "none")
    with pytest.raises(AudiotagError, match="received 'small'"):
        records.declare("audioset", source=source, subset="small")
