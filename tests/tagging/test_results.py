"""Folders of results: what a run that ended early leaves, and what the same and another command make of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from audiotag import AudiotagError, audio
from audiotag.tagging import FileTags, Tag, writing
from audiotag.tagging.results import JOURNAL, Results

SETTINGS = {"model": "a", "top": 5}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "in" / name for name in ("a.wav", "b/c.wav", "d.wav")]
    for path in paths:
        audio.write(path, np.zeros(100, np.float32), 8000)
    return paths


def opened(tmp_path: Path, files: list[Path], **changes: object):
    return Results.opened(tmp_path / "out", SETTINGS | changes, ".csv", files)


def add(results: Results, path: Path) -> None:
    writing.write_each([FileTags(path, (Tag("Dog", 0.5, 0.0, 1.0),))], results, "csv")


def test_what_is_there_is_not_done_again_unless_the_recording_has_changed(tmp_path: Path, files: list[Path]) -> None:
    with opened(tmp_path, files) as results:
        assert results.missing(files) == files
        add(results, files[1])
        assert results.missing(files) == [files[0], files[2]]
    assert (tmp_path / "out/b/c.wav.csv").read_text().splitlines()[0] == "file,start,end,label,score,time"
    with opened(tmp_path, files) as results:
        assert results.missing(files) == [files[0], files[2]]
        (tmp_path / "out/b/c.wav.csv").rename(tmp_path / "kept.csv")
        assert results.missing(files) == files
        (tmp_path / "kept.csv").rename(tmp_path / "out/b/c.wav.csv")
        assert results.missing(files) == [files[0], files[2]]
        os.utime(files[1], ns=(0, 1))
        assert results.missing(files) == files
        files[1].unlink()
        assert results.missing(files) == files


def test_results_that_a_power_cut_has_emptied_are_made_again(tmp_path: Path, files: list[Path]) -> None:
    with opened(tmp_path, files) as results:
        add(results, files[0])
        add(results, files[2])
        writing.write_each([FileTags(files[1])], results, "audacity")  # nothing was found there
    os.truncate(tmp_path / "out/a.wav.csv", 0)
    edited = tmp_path / "out/d.wav.csv"
    edited.write_text(edited.read_text().splitlines()[0])
    with opened(tmp_path, files) as results:
        assert results.missing(files) == [files[0]]


def test_a_torn_line_of_the_journal_costs_its_recording_alone(tmp_path: Path, files: list[Path]) -> None:
    with opened(tmp_path, files) as results:
        add(results, files[0])
        add(results, files[1])
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9])
    with opened(tmp_path, files) as results:
        assert results.missing(files) == files[1:]
        add(results, files[2])
    with opened(tmp_path, files) as results:
        assert results.missing(files) == [files[1]]
    assert json.loads(journal.read_text().splitlines()[-1])["file"] == "d.wav"


def test_results_of_other_settings_are_kept_and_the_change_is_named(tmp_path: Path, files: list[Path]) -> None:
    with opened(tmp_path, files) as results:
        add(results, files[0])
    before = (tmp_path / "out/a.wav.csv").read_bytes()
    changed = opened(tmp_path, files, top=3, window=2.0)
    with pytest.raises(AudiotagError, match=r"another tagging \(top 5 -> 3, window None -> 2.0\)"), changed:
        pass
    assert (tmp_path / "out/a.wav.csv").read_bytes() == before


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path, files: list[Path]) -> None:
    second = opened(tmp_path, files)
    with opened(tmp_path, files), pytest.raises(AudiotagError, match="another audiotag writes into"), second:
        pass


def test_names_are_those_below_the_folder_that_is_asked_for(tmp_path: Path, files: list[Path]) -> None:
    with Results.opened(tmp_path / "out", SETTINGS, ".csv", [tmp_path / "in"]) as results:
        add(results, files[1])
    assert (tmp_path / "out/b/c.wav.csv").is_file()
    # The same name below another folder is another recording.
    elsewhere = Results.opened(tmp_path / "out", SETTINGS, ".csv", [tmp_path / "in/b"])
    with pytest.raises(AudiotagError, match=r"another tagging \(root .*in -> .*in/b\)"), elsewhere:
        pass


def test_a_recording_that_is_changed_while_others_are_tagged_is_another_one(tmp_path: Path, files: list[Path]) -> None:
    with opened(tmp_path, files) as results:
        assert results.missing(files) == files
        os.utime(files[0], ns=(0, 1))
        add(results, files[0])
        add(results, files[1])
    with opened(tmp_path, files) as results:
        assert results.missing(files) == [files[0], files[2]]
