"""Recordings under a folder, and what a table's cell means of them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from audiotag.clips.recordings import Recordings
from audiotag.errors import AudiotagError, AudioWarning

NFD = unicodedata.normalize("NFD", "é.wav")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "My Sounds"
    for name in ("dog/1.wav", f"dog/{NFD}", "cat/2.flac", "1.wav", ".hidden/3.wav", "cat/notes.txt", "cat/4.m4a"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("dog/1.wav", "dog/1.wav"),
        ("dog/../dog/1.wav", "dog/1.wav"),
        ("ROOT/dog/1.wav", "dog/1.wav"),
        ("dog/é.wav", f"dog/{NFD}"),
        (f"dog/{NFD}", f"dog/{NFD}"),
        (r"dog\1.wav", "dog/1.wav"),
        (r"dog\é.wav", f"dog/{NFD}"),
        (r"C:\Users\anna\my sounds\dog\1.wav", "dog/1.wav"),
        ("D:/My Sounds/1.wav", "1.wav"),
        ("dog/9.wav", "dog/9.wav"),
    ],
)
def test_a_cell_finds_its_recording_however_it_is_written(root: Path, cell: str, name: str) -> None:
    assert Recordings(root).find(cell.replace("ROOT", str(root))) == name


def test_an_absolute_path_through_a_link_is_inside_the_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    for given in (root, tmp_path / "link"):
        assert Recordings(tmp_path / "link").find(str(given / "dog" / "1.wav")) == "dog/1.wav"


@pytest.mark.parametrize("cell", ["../1.wav", "/etc/passwd", r"..\1.wav", r"C:\elsewhere\dog\1.wav", "a\0b"])
def test_a_path_outside_the_folder_is_refused(root: Path, cell: str) -> None:
    with pytest.raises(AudiotagError, match=r"a path must stay inside|leads into|one line of text"):
        Recordings(root).find(cell)


def test_links_are_followed_once_and_what_is_left_out_is_said(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "5.wav").write_bytes(b"x")
    (root / "rain").symlink_to(tmp_path / "elsewhere")
    (root / "round").symlink_to(root)
    (root / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.warns(AudioWarning, match=r"1 folders that .* links into a folder around them \(.*round\)") as caught:
        names = Recordings(root).names
    assert names == ["1.wav", "cat/2.flac", "cat/4.m4a", "dog/1.wav", f"dog/{NFD}", "rain/5.wav"]
    assert "gone" in str(caught[0].message)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are POSIX")
def test_a_name_that_is_not_utf_8_is_refused(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"x")
    with pytest.raises(AudiotagError, match="must be UTF-8"):
        _ = Recordings(root).names
