"""DCASE 2020 task 1A: the lists of fold 1, and what the names of recordings say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import records
from audiotag.errors import AudiotagError

TRAIN = (
    "audio/airport-lisbon-1000-40000-a.wav",
    "audio/airport-lisbon-1000-40000-s1.wav",
    "audio/bus-vienna-3-17-b.wav",
)
TEST = ("audio/street_pedestrian-paris-154-4707-s6.wav", "audio/metro_station-lyon-9-8-c.wav")


def scene(name: str) -> str:
    return name.removeprefix("audio/").split("-")[0]


def write_list(path: Path, names: tuple[str, ...], scenes: bool = True) -> None:
    rows = [f"{name}\t{scene(name)}" if scenes else name for name in names]
    path.write_text("\n".join(["filename\tscene_label" if scenes else "filename", *rows, ""]), encoding="utf-8")


@pytest.fixture
def source(noises: Callable[..., None], tmp_path: Path) -> Path:
    noises(tmp_path, *TRAIN, TEST[1], "audio/tram-oslo-1-2-s4.wav")  # the last is in no list
    soundfile.write(tmp_path / TEST[0], np.linspace(-0.5, 0.5, 4410), 44_100, subtype="PCM_24")  # as published
    setup = tmp_path / "evaluation_setup"
    setup.mkdir()
    write_list(setup / "fold1_train.csv", TRAIN)
    write_list(setup / "fold1_evaluate.csv", TEST)
    write_list(setup / "fold1_test.csv", TEST, scenes=False)
    return tmp_path


def test_lists_are_splits_and_devices_are_a_column(source: Path) -> None:
    declared = records.declare("dcase20", source=source)
    assert declared.labels.names == ("airport", "bus", "metro_station", "street_pedestrian")
    rows = [(clip.source, clip.split, clip.labels[0], dict(clip.columns)) for clip in declared.clips]
    assert rows[0] == (
        *(TRAIN[0], "train", "airport"),
        {"device": "a", "city": "lisbon", "recording": "airport-lisbon-1000"},
    )
    assert [(split, columns["device"]) for _, split, _, columns in rows] == [
        *(("train", "a"), ("train", "s1"), ("train", "b"), ("test", "s6"), ("test", "c")),
    ]
    assert rows[3][2:] == (
        "street_pedestrian",
        {"device": "s6", "city": "paris", "recording": "street_pedestrian-paris-154"},
    )
    assert all(len(declared.read(declared.root, clip, 8000)) == 800 for clip in declared.clips)


def test_what_is_wrong_is_one_line(source: Path) -> None:
    setup = source / "evaluation_setup"
    write_list(setup / "fold1_test.csv", (*TEST, "audio/tram-oslo-1-2-s4.wav"), scenes=False)
    with pytest.raises(AudiotagError, match=r"names 'audio/tram-oslo-1-2-s4\.wav', fold1_evaluate\.csv does not"):
        records.declare("dcase20", source=source)
    for name in (TRAIN[0], "audio/tram.wav"):
        write_list(setup / "fold1_evaluate.csv", (name,))
        with pytest.raises(
            AudiotagError, match=r"fold1_evaluate\.csv line 2: a recording is in one list, named audio/"
        ):
            records.declare("dcase20", source=source)
    with pytest.raises(AudiotagError, match=r"zenodo\.org/records/3819968.*--source"):
        records.declare("dcase20")
