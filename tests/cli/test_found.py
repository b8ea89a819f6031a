"""`audiotag summary` and `audiotag cut` on a folder of results, as `audiotag tag --out` writes it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas
import pytest
import soundfile

from audiotag.tagging import FileTags, Tag, formats, writing
from audiotag.tagging.files import sound_files
from audiotag.tagging.results import Results

Command = Callable[..., object]


@pytest.fixture(params=["csv", "jsonl"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Three recordings of noise, two of known times."""
    from audiotag import audio

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 16_000)).astype(np.float32)
    tags = {
        "20210503_065959.wav": (Tag("Dog", 0.9, 0.5, 1.0), Tag("a, b/c", 0.7, 1.5, 2.0)),
        "x/20210504_235958.wav": (Tag("Dog", 0.8, 1.0, 2.0), Tag("Dog", 0.95, 0.0, 0.25)),
        "y.wav": (Tag("NA", 0.2, 0.0, 2.0),),
    }
    for samples, name in zip(noise, tags, strict=True):
        audio.write(tmp_path / "in" / name, samples, 8000)
    files = sound_files([tmp_path / "in"])
    out = tmp_path / "results"
    with Results.opened(out, {"format": request.param}, formats.load(request.param).SUFFIX, files) as folder:
        found = [
            FileTags(path, tags[path.relative_to(tmp_path / "in").as_posix()], "", audio.recorded_at(path))
            for path in files
        ]
        writing.write_each(found, folder, request.param)
    return out


def test_a_summary_counts_labels_by_the_hours_of_their_recordings(
    command: Command, results: Path, tmp_path: Path
) -> None:
    outcome = command("summary", results, "--format", "csv")
    rows = {row["label"]: row for row in csv.DictReader(outcome.out.splitlines())}
    assert list(rows) == ["Dog", "NA", "a, b/c"]
    dog = rows["Dog"]
    assert (dog["tags"], dog["recordings"], dog["best"]) == ("3", "2", "0.95")
    assert (dog["first"], dog["last"]) == ("2021-05-03T06:59:59.500", "2021-05-04T23:59:59.000")
    assert {hour: dog[hour] for hour in dog if hour.isdigit() and dog[hour] != "0"} == {"06": "1", "23": "2"}
    assert rows["a, b/c"]["07"] == "1"
    shown = command("summary", results, "--picture", tmp_path / "summary.png", "--top", 2)
    assert "4 tags" not in shown.out and "5 tags of 3 labels in 3 recordings" in shown.out
    assert "a, b/c" not in shown.out
    assert (tmp_path / "summary.png").read_bytes()[:4] == b"\x89PNG"


def test_the_best_are_cut_out_with_what_is_around_them(command: Command, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    outcome = command("cut", results, "--out", out, "--best", 2, "--padding", 0.25)
    assert (outcome.code, outcome.out) == (0, f"{out} holds 4 clips\n")
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.wav"))
    assert names == [
        "Dog/0.900 20210503_065959 0.50-1.00.wav",
        "Dog/0.950 20210504_235958 0.00-0.25.wav",
        "NA/0.200 y 0.00-2.00.wav",
        "a, b_c/0.700 20210503_065959 1.50-2.00.wav",
    ]
    whole, rate = soundfile.read(tmp_path / "in/20210503_065959.wav")
    clip, same = soundfile.read(out / names[0])
    assert rate == same
    np.testing.assert_allclose(clip, whole[2000:10_000], atol=1e-4)
    (tmp_path / "in/y.wav").unlink()
    (out / "NA/0.200 y 0.00-2.00.wav").unlink()
    outcome = command("cut", results, "--out", out, "--best", 2, "--padding", 0.25)
    assert outcome.code == 1
    assert "y.wav is missing" in outcome.err


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_all_tags_are_one_file_too(command: Command, results: Path, tmp_path: Path, kind: str) -> None:
    from audiotag.tagging import results as folder

    path = tmp_path / f"all.{kind}"
    assert command("summary", results, "--table", path).code == 0
    readers = {"csv": partial(pandas.read_csv, keep_default_na=False), "jsonl": partial(pandas.read_json, lines=True)}
    read = readers.get(kind, pandas.read_parquet)(path)
    wanted = folder.read(results)
    assert list(read.columns) == list(wanted.columns) and len(read) == len(wanted) > 4
    assert read["label"].tolist() == wanted["label"].tolist()
    for column in ("score", "start", "end"):
        np.testing.assert_allclose(read[column], wanted[column], atol=1e-9)
    assert [Path(file).name for file in read["file"]] == [Path(file).name for file in wanted["file"]]


def test_a_table_of_another_kind_is_refused(refuse: Callable[..., str], results: Path) -> None:
    assert "ends in .csv, .jsonl, .parquet, received" in refuse("summary", results, "--table", "all.xlsx")


def test_what_is_cut_is_the_channel_that_was_tagged(tmp_path: Path) -> None:
    from audiotag.tagging import cutting
    from audiotag.tagging import results as folder

    sides = np.random.default_rng(0).uniform(-0.5, 0.5, (8000, 2)).astype(np.float32)
    path = tmp_path / "in/a.wav"
    path.parent.mkdir()
    soundfile.write(path, sides, 8000, subtype="FLOAT")
    with Results.opened(tmp_path / "out", {"format": "csv", "channel": "right"}, ".csv", [path]) as results:
        writing.write_each([FileTags(path, (Tag("Dog", 0.9, 0.25, 0.5),))], results, "csv")
    channel = folder.settings_of(tmp_path / "out")["channel"]
    made, reasons = cutting.cut(folder.read(tmp_path / "out"), tmp_path / "clips", padding=0.0, channel=channel)
    assert (made, reasons) == (1, {})
    (clip,) = (tmp_path / "clips").rglob("*.wav")
    np.testing.assert_allclose(soundfile.read(clip)[0], sides[2000:4000, 1], atol=1e-4)


def test_a_folder_without_results_is_named(refuse: Callable[..., str], tmp_path: Path) -> None:
    assert "holds no results of tagging" in refuse("summary", tmp_path)
    assert "holds no results of tagging" in refuse("cut", tmp_path, "--out", tmp_path / "clips")
