"""Which recording an annotation belongs to."""

from __future__ import annotations

import pytest

from audiotag.annotations.matching import Matching
from audiotag.errors import AudiotagError

RECORDINGS = ("a/site1.wav", "a/site1.Table.flac", "b/site1.WAV", "b/2026.11.27_06.wav", "Käfer.ogg", "x.wav", "x.mp3")


@pytest.mark.parametrize(
    ("file", "recording"),
    [
        ("a/site1.txt", "a/site1.wav"),
        ("a/Site1.TXT", "a/site1.wav"),
        ("a/site1.wav.txt", "a/site1.wav"),
        ("a/site1.selections.1.txt", "a/site1.wav"),
        ("a/site1.Table.1.selections.txt", "a/site1.Table.flac"),  # the longest name that fits
        ("b/site1.Table.1.selections.txt", "b/site1.WAV"),
        ("b/2026.11.27_06.BirdNET.results.csv", "b/2026.11.27_06.wav"),
        ("b/2026.11.27.csv", None),
        ("Ka\u0308fer.TextGrid", "Käfer.ogg"),
        ("x.mp3.txt", "x.mp3"),
        ("site1.txt", None),
        ("a/README.txt", None),
        ("site10.txt", None),
    ],
)
def test_files_are_matched_by_name_in_the_same_folder(file: str, recording: str | None) -> None:
    assert Matching(RECORDINGS).of_file(file, anywhere=False) == recording


def test_a_file_of_a_flat_folder_may_belong_to_any_recording_of_its_name() -> None:
    matching = Matching(RECORDINGS)
    assert matching.of_file("2026.11.27_06.csv", anywhere=True) == "b/2026.11.27_06.wav"
    with pytest.raises(AudiotagError, match=r"site1\.txt to a/site1\.wav and b/site1\.WAV: name it after the whole"):
        matching.of_file("site1.txt", anywhere=True)
    with pytest.raises(AudiotagError, match=r"x\.txt to x\.wav and x\.mp3"):
        matching.of_file("x.txt", anywhere=False)


@pytest.mark.parametrize(
    ("cell", "recording"),
    [
        ("a/site1.wav", "a/site1.wav"),
        (r"D:\Recordings\b\site1.wav", "b/site1.WAV"),
        ("/mnt/disk/Käfer.ogg", "Käfer.ogg"),
        ("2026.11.27_06", "b/2026.11.27_06.wav"),
        ("x.mp3", "x.mp3"),
    ],
)
def test_cells_of_other_machines_are_matched_by_the_end_of_their_paths(cell: str, recording: str) -> None:
    assert Matching(RECORDINGS).of_cell(cell) == (recording, "")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("site1.wav", "it may be a/site1.wav or b/site1.WAV"),
        ("c/site1.wav", "it may be a/site1.wav or b/site1.WAV"),
        ("site2.wav", "there is no recording of this name"),
    ],
)
def test_a_cell_that_names_none_or_several_says_so(cell: str, reason: str) -> None:
    assert Matching(RECORDINGS).of_cell(cell) == (None, reason)
