"""Declarations refuse what would go wrong later, and dataset files are found again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from audiotag import records
from audiotag.clips.declaration import load_file
from audiotag.errors import AudiotagError


def declaration(dataset_file: Path) -> records.Declaration:
    return records.declare(dataset_file, clips=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clip_id": "clip1"}, "must be unique"),
        ({"clip_id": "two\nlines"}, "one line"),
        ({"clip_id": " "}, "one line"),
        ({"clip_id": "\udcff"}, "one line"),
        ({"source": "caf\udce9.wav"}, "source"),
        ({"split": "../train"}, "a split is named"),
        ({"split": "all"}, "a split is named"),
        ({"labels": ("low",)}, "did you mean 'low, deep'"),
        ({"labels": ()}, "exactly one label"),
        ({"columns": {"unknown": "middle"}}, "no class is named 'middle'"),
        ({"columns": {"unknown": "*"}}, "a label was judged"),
        ({"columns": {"unknown": ""}, "labels": ()}, "exactly one label"),
        ({"columns": {"unknown": "low, deep"}}, "declare the task multilabel"),
        ({"events": (records.Event(0, 1, "middle"),)}, "no class is named 'middle'"),
    ],
)
def test_clips_that_would_go_wrong_later_are_refused(dataset_file: Path, change: dict, message: str) -> None:
    whole = declaration(dataset_file)
    with pytest.raises(AudiotagError, match=message):
        dataclasses.replace(whole, clips=(dataclasses.replace(whole.clips[0], **change), *whole.clips[1:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": ()}, "no clips"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": 0}, "seconds"),
        ({"task": "regression"}, "task"),
        ({"pad": "mirror"}, "pad"),
    ],
)
def test_options_out_of_range_are_refused(dataset_file: Path, change: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        dataclasses.replace(declaration(dataset_file), **change)


def test_an_unknown_option_of_a_dataset_file_suggests_the_nearest(dataset_file: Path) -> None:
    with pytest.raises(AudiotagError, match="did you mean 'clips'"):
        records.declare(dataset_file, clip=3)


def test_two_dataset_files_of_one_name_are_two_modules(dataset_file: Path, tmp_path: Path) -> None:
    other = tmp_path / dataset_file.name
    other.write_text("def declare():\n    return None\n", encoding="utf-8")
    assert load_file(other) is not load_file(dataset_file)
    assert load_file(dataset_file) is load_file(dataset_file)


def test_a_file_without_declare_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("", encoding="utf-8")
    with pytest.raises(AudiotagError, match="defines declare"):
        load_file(tmp_path / "empty.py")
