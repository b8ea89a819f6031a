"""MAESTRO and MAPS: notes of recordings in the folders that are published."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.notes import Note, midi

COLUMNS = ("canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration")
NOTES = [Note(0.5, 2.0, 60, 90), Note(1.5, 1.75, 21, 30)]


@pytest.fixture
def maestro(noises: Callable[..., None], tmp_path: Path) -> Path:
    rows = []
    for number, split in enumerate(("train", "validation", "test")):
        name = f"2018/piece_{number}"
        (tmp_path / "2018").mkdir(exist_ok=True)
        noises(tmp_path, f"{name}.wav", seconds=2.5)
        midi.write(tmp_path / f"{name}.midi", NOTES)
        rows.append(("Alban Berg", "Sonata, Op. 1", split, "2018", f"{name}.midi", f"{name}.wav", "2.5"))
    with (tmp_path / "maestro-v3.0.0.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return tmp_path


@pytest.fixture
def maps(noises: Callable[..., None], tmp_path: Path) -> Path:
    for piano, piece in (("AkPnBcht", "alb_se3"), ("AkPnBcht", "bach"), ("ENSTDkCl", "bach")):
        folder = tmp_path / piano / "MUS"
        folder.mkdir(parents=True, exist_ok=True)
        noises(folder, f"MAPS_MUS-{piece}_{piano}.wav", seconds=2.5)
        midi.write(folder / f"MAPS_MUS-{piece}_{piano}.mid", NOTES)
    return tmp_path


def test_maestro_s_performances_are_cut_into_clips_of_their_splits(maestro: Path) -> None:
    declared = records.declare("maestro", source=maestro, seconds=1)
    assert (declared.task, declared.version, len(declared.labels)) == ("notes", "v3.0.0", 88)
    assert [(clip.clip_id, clip.split) for clip in declared.clips[:3]] == [
        ("2018/piece_0#0.000", "train"),
        ("2018/piece_0#1.000", "train"),
        ("2018/piece_0#2.000", "train"),
    ]
    assert {clip.split for clip in declared.clips} == {"train", "validation", "test"}
    assert declared.clips[0].columns == {"composer": "Alban Berg", "year": "2018"}
    assert [(e.onset, e.offset, e.label, e.velocity) for e in declared.clips[1].events] == [
        (0.0, 1.0, "C4", 0),
        (0.5, 0.75, "A0", 30),
    ]


def test_a_performance_without_its_files_is_rejected_with_a_reason(maestro: Path) -> None:
    (maestro / "2018" / "piece_0.midi").write_bytes(b"none")
    (maestro / "2018" / "piece_1.wav").unlink()
    clips = {clip.clip_id: clip for clip in records.declare("maestro", source=maestro).clips}
    assert "is no whole MIDI file" in clips["2018/piece_0"].fault
    assert clips["2018/piece_1"].fault == ""
    assert clips["2018/piece_2#0.000"].events


@pytest.mark.parametrize("dataset", ["maestro", "maps"])
def test_what_is_not_there_is_said(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="--source"):
        records.declare(dataset)
    with pytest.raises(AudiotagError, match=f"{tmp_path} holds"):
        records.declare(dataset, source=tmp_path)
    with pytest.raises(AudiotagError, match="1 s or more, received 0"):
        records.declare(dataset, source=tmp_path, seconds=0)


def test_a_split_that_there_is_not_is_refused(maestro: Path) -> None:
    table = maestro / "maestro-v3.0.0.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("validation", "dev"), encoding="utf-8")
    with pytest.raises(AudiotagError, match="line 3: a split is train, validation, test, received 'dev'"):
        records.declare("maestro", source=maestro)


def test_maps_is_tested_on_the_disklavier_and_trains_on_other_pieces(maps: Path) -> None:
    declared = records.declare("maps", source=maps)
    clips = {clip.clip_id: clip for clip in declared.clips}
    assert {clip_id: clip.split for clip_id, clip in clips.items()} == {
        "MAPS_MUS-alb_se3_AkPnBcht#0.000": "train",
        "MAPS_MUS-bach_AkPnBcht": "train",
        "MAPS_MUS-bach_ENSTDkCl#0.000": "test",
    }
    assert clips["MAPS_MUS-bach_AkPnBcht"].fault.startswith("left out of the training: the Disklavier plays")
    trained = clips["MAPS_MUS-alb_se3_AkPnBcht#0.000"]
    assert trained.columns == {"piano": "AkPnBcht", "piece": "alb_se3"}
    assert [(e.onset, e.offset, e.label, e.velocity) for e in trained.events] == [
        (0.5, 2.0, "C4", 90),
        (1.5, 1.75, "A0", 30),
    ]
