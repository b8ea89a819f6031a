"""Everything that was planted is found and nothing else, with recordings and without."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import soundfile

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.inspection import Inspection, inspect
from audiotag.records import Data


@pytest.fixture(scope="module")
def inspection(faulty: Data, tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    return inspect(faulty.path, tmp_path_factory.mktemp("inspection"))


@pytest.fixture(scope="module")
def of_clean(clean: Data, inspection: Inspection, tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """Of the data set in which nothing is wrong, where an inspection of the other was, beside a file of the user's."""
    out = Path(shutil.copytree(inspection.out, tmp_path_factory.mktemp("clean") / "out"))
    (out / "notes.csv").write_text("mine")
    return inspect(clean.path, out)


@pytest.fixture(scope="module")
def without_recordings(faulty: Data, tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """The log-mels alone."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(faulty.path, folder / "data")
    return inspect(folder / "data", folder / "inspection")


def names(inspection: Inspection, table: str, column: str = "clip_id") -> list[str]:
    return sorted(inspection.tables[table][column]) if table in inspection.tables else []


def test_nothing_is_said_against_a_clean_data_set(of_clean: Inspection) -> None:
    """Noises of one kind, whose spectra are the same, are no duplicates."""
    assert of_clean.findings == []
    assert '<h2>Findings</h2>\n<p class="how">None.</p>' in (of_clean.out / "inspection.html").read_text()


def test_what_was_planted_is_found_and_nothing_else(inspection: Inspection) -> None:
    pairs = inspection.tables["duplicates"][["clip_id", "other", "across splits"]].to_numpy().tolist()
    assert pairs == [["original", "copy", "yes"], ["tone", "the same tone", "no"]]
    assert inspection.tables["duplicates"]["shift"][0] == pytest.approx(-0.1, abs=0.011)
    assert names(inspection, "silent") == ["silent"]
    assert names(inspection, "clipped") == ["clipped"]
    assert names(inspection, "bandwidth") == ["telephone", "upsampled"]
    assert inspection.tables["leaks"].to_numpy().tolist() == [
        ["one recording", "the column recording", "train + test", 2]
    ]
    assert names(inspection, "rejected") == ["empty"]
    starts = [line.partition(":")[0] for line in inspection.findings]
    assert starts == [
        *("recordings in two splits", "near-duplicates in two splits", "near-duplicates within a split"),
        "near-duplicates of different labels",
        *("silent clips", "clipped clips", "narrow clips", "short clips", "long clips", "rejected clips"),
    ]
    short, long = (next(line for line in inspection.findings if line.startswith(kind)) for kind in ("short", "long"))
    assert "(short)" in short
    assert "(whole)" in long


def test_every_finding_says_what_to_do(inspection: Inspection) -> None:
    page = (inspection.out / "inspection.html").read_text(encoding="utf-8")
    for line in inspection.findings:
        assert ": " in line.partition(": ")[2]
        assert line[1:40] in page


def test_log_mels_alone_tell_all_but_clipping_and_lengths(without_recordings: Inspection) -> None:
    pairs = without_recordings.tables["duplicates"][["clip_id", "other"]].to_numpy().tolist()
    assert pairs == [["original", "copy"], ["tone", "the same tone"]]
    assert names(without_recordings, "silent") == ["silent"]
    assert names(without_recordings, "bandwidth") == ["telephone", "upsampled"]
    assert names(without_recordings, "clipped") == []
    assert "clipping cannot be told" in (without_recordings.out / "inspection.html").read_text(encoding="utf-8")


def test_levels_of_log_mels_are_those_of_white_noise(inspection: Inspection) -> None:
    white = inspection.clips[inspection.clips["clip_id"].str.startswith("noise")]
    np.testing.assert_allclose(white["noise_level"], white["level"], atol=0.5)
    assert np.allclose(white["level"], -20, atol=0.2)


def test_counts_of_classes_are_those_of_the_table(faulty: Data, inspection: Inspection) -> None:
    rows = pandas.read_csv(faulty.path / "clips.csv")
    expected = rows[rows["status"] == "ok"].groupby(["labels", "split"]).size().unstack()
    table = inspection.tables["classes"].set_index("class")
    for name, split in (("hiss", "train"), ("hiss", "test"), ("rush", "train"), ("rush", "test")):
        assert table.loc[name, split] == expected.loc[name, split]
    assert table["all"].sum() == (rows["status"] == "ok").sum()


def test_nothing_is_written_into_a_data_set(faulty: Data, inspection: Inspection) -> None:
    assert records.verify(faulty.path) == []  # which names files that do not belong to it
    with pytest.raises(AudiotagError, match="beside a data set"):
        inspect(faulty.path, faulty.path / "inspection")
    assert not (faulty.path / "inspection").exists()


def test_tables_lie_beside_the_page(inspection: Inspection) -> None:
    assert {path.stem for path in inspection.out.glob("*.csv")} == {"clips", *inspection.tables}
    clips = pandas.read_csv(inspection.out / "clips.csv")
    assert len(clips) == len(inspection.clips)
    summary = json.loads((inspection.out / "inspection.json").read_text(encoding="utf-8"))
    assert summary["findings"] == inspection.findings
    assert [row["clip_id"] for row in summary["tables"]["silent"]] == ["silent"]


def test_tables_of_an_earlier_inspection_go(inspection: Inspection, of_clean: Inspection) -> None:
    assert {path.stem for path in of_clean.out.glob("*.csv")} == {"clips", "notes", *of_clean.tables}
    assert inspection.tables.keys() - of_clean.tables.keys()


def test_recordings_that_are_not_there_are_refused(clean: Data, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="no clip of noises can be read from"):
        inspect(clean.path, tmp_path / "out", source=tmp_path)
    with pytest.raises(AudiotagError, match="no folder of recordings"):
        inspect(clean.path, tmp_path, source=tmp_path / "nowhere")


def test_sounds_of_another_data_set_are_found_in_clips_of_another_length(
    clean: Data, build: Callable[..., Data], tmp_path: Path
) -> None:
    heard, rate = [f"noise {index}" for index in (3, 10)], clean.front_end.sample_rate

    def fill(sounds: Any) -> None:
        sounds.random = np.random.default_rng(11)
        for index in range(6):
            sounds.add(f"other {index}", sounds.noise(3.0), "train")
        for name in heard:  # softer, some way into a longer clip, and beside another sound
            waveform, copied = sounds.noise(3.0), soundfile.read(clean.recordings / f"{name}.wav")[0]
            waveform *= 0.02
            waveform[round(1.0037 * rate) :][: len(copied)] += 0.4 * copied
            sounds.add(f"has {name}", waveform, "train")

    longer = build(fill, seconds=3.0)
    inspection = inspect(clean.path, tmp_path / "out", against=longer.path)
    table = inspection.tables["against"]
    assert set(zip(table["clip_id"], table["other"], strict=True)) == {(name, f"has {name}") for name in heard}
    np.testing.assert_allclose(table["shift"], 1.0, atol=0.02)
    assert any("sounds that noises has too: 2" in line for line in inspection.findings)
    back = inspect(longer.path, tmp_path / "back", against=clean.path).tables["against"]
    assert set(zip(back["other"], back["clip_id"], strict=True)) == {(name, f"has {name}") for name in heard}
    np.testing.assert_allclose(back["shift"], -1.0, atol=0.02)


def test_data_sets_of_other_front_ends_are_not_compared(clean: Data, build: Callable[..., Data]) -> None:
    other = build(lambda sounds: sounds.add("noise", sounds.noise(), "train"), front_end="yamnet")
    with pytest.raises(AudiotagError, match=r"of one front end.*sample_rate 32000 / 16000"):
        inspect(clean.path, against=other.path)
