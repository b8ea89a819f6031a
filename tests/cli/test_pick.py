"""`audiotag pick`: a folder in, a table out that `build` takes once its labels are filled in."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest

from audiotag.tagging import FileEmbeddings, FileTags, Tag, write_embeddings, writing
from audiotag.tagging.embeddings import Embeddings
from audiotag.tagging.files import sound_files
from audiotag.tagging.results import Results

Command = Callable[..., object]


@pytest.fixture
def sounds(tone: Callable, tmp_path: Path) -> Path:
    """Four kinds of recordings of 1 s, three of each, in two folders."""
    for kind in range(4):
        for take in range(3):
            tone(tmp_path / "in" / ("x" if take else "y") / f"{kind}-{take}.wav", 200.0 * (kind + 1), 1.0)
    return tmp_path / "in"


@pytest.fixture
def embeddings(sounds: Path, tmp_path: Path) -> Path:
    """Two parts a recording that say of which kind it is."""
    random = np.random.default_rng(0)
    kinds = random.normal(size=(4, 8))

    def found():
        for path in sound_files([sounds]):
            vectors = kinds[int(path.name[0])] + random.normal(scale=0.01, size=(2, 8))
            yield FileEmbeddings(path, Embeddings(np.array([0.0, 0.5]), np.array([0.5, 1.0]), vectors.astype("f4")))

    write_embeddings(found(), tmp_path / "embeddings.npz", model="made up", layers="mid")
    return tmp_path / "embeddings.npz"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_that_was_filled_in_is_built_and_not_picked_again(
    command: Command, sounds: Path, embeddings: Path, tmp_path: Path
) -> None:
    pick = ("pick", sounds, "--embeddings", embeddings)
    rows = rows_of(command(*pick, "--most", 4).out)
    assert list(rows[0]) == ["path", "start", "end", "label", "score", "why"]
    assert sorted(row["path"][2] for row in rows) == ["0", "1", "2", "3"]
    assert {row["label"] for row in rows} == {""}
    table = tmp_path / "picked.csv"
    assert command(*pick, "--most", 4, "--out", table).code == 0
    assert rows_of(table.read_text()) == rows
    frame = pandas.read_csv(table)
    frame["label"] = ["kind " + path[2] for path in frame["path"]]
    frame.loc[frame["path"].str[2] == "3", "label"] = ""  # this one nobody has heard yet
    frame.to_csv(table, index=False)
    left = command(*pick, "--most", 4, "--labelled", table)
    assert rows_of(left.out)[0]["path"][2] == "3"
    frame[frame["label"] != ""].to_csv(table, index=False)
    build = ("build", sounds, "--table", table, "--out", tmp_path / "data", "--workers", 1, "--seconds", 0.5)
    assert command(*build).code == 0
    built = pandas.read_csv(tmp_path / "data" / "clips.csv")
    assert sorted(built["labels"]) == ["kind 0", "kind 1", "kind 2"]
    assert built["end"].sub(built["start"]).tolist() == [0.5] * 3


def test_recordings_without_embeddings_are_counted(
    sounds: Path, embeddings: Path, tone: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag import cli, progress
    from audiotag.cli.app import app

    tone(sounds / "new.wav")
    said: list[str] = []
    monkeypatch.setattr(progress, "say", said.append)
    assert cli.run(app, ["pick", str(sounds), "--embeddings", str(embeddings), "--most", "2"]) == 0
    assert said == [f"{embeddings} lacks 1 recordings, which are not picked: delete it to make it anew"]


def test_every_recording_has_its_turn(command: Command, sounds: Path, embeddings: Path) -> None:
    pick = ("pick", sounds, "--embeddings", embeddings, "--most", 24)
    paths = [row["path"] for row in rows_of(command(*pick).out)]
    assert len(set(paths[:12])) == len(set(paths))
    assert all(one != other for one, other in itertools.pairwise(paths))


def test_what_a_model_doubts_is_of_its_results(
    command: Command, refuse: Callable, sounds: Path, tmp_path: Path
) -> None:
    files = sound_files([sounds])
    with Results.opened(tmp_path / "out", {"format": "csv", "threshold": 0}, ".csv", [sounds]) as folder:
        writing.write_each(
            [FileTags(path, (Tag("Dog", 0.04 * number, 0, 1),)) for number, path in enumerate(files)], folder, "csv"
        )
    pick = ("pick", sounds, tmp_path / "out", "--by", "uncertainty")
    rows = rows_of(command(*pick, "--most", 3).out)
    assert [row["path"] for row in rows] == [file.relative_to(sounds).as_posix() for file in files[:-4:-1]]
    assert [row["why"] for row in rows] == ["Dog 0.44", "Dog 0.40", "Dog 0.36"]
    assert command(*pick, "--most", 5, "--format", "audacity", "--out", tmp_path / "tracks").code == 0
    tracks = sorted(path.relative_to(tmp_path / "tracks").as_posix() for path in (tmp_path / "tracks").rglob("*.txt"))
    assert tracks == sorted(f"{file.relative_to(sounds).as_posix()}.txt" for file in files[-5:])
    assert (tmp_path / "tracks" / tracks[0]).read_text().startswith("0.000000\t1.000000\tDog 0.")
    assert "results of recordings in" in refuse("pick", sounds / "x", tmp_path / "out", "--by", "uncertainty")
    assert "--by uncertainty needs them" in refuse("pick", sounds, "--by", "uncertainty")
    assert "--by diversity takes none" in refuse("pick", sounds, tmp_path / "out")
    assert "--label is for --by uncertainty" in refuse("pick", sounds, "--label", "Dog")
    for option in (("--seed", 1), ("--model", "mn04_as"), ("--embeddings", "x.npz")):
        assert f"{option[0]} is for --by diversity" in refuse(*pick, *option)
    assert "name sound files with --like" in refuse("pick", sounds, "--by", "similar")
    assert "name a folder for them with --out" in refuse("pick", sounds, "--format", "audacity")
    assert "no such folder" in refuse("pick", files[0])
    assert "received --most 0" in refuse("pick", sounds, "--most", 0)


def test_embeddings_are_computed_once_and_examples_by_the_same_model(
    command: Command, refuse: Callable, sounds: Path, tmp_path: Path
) -> None:
    import keras

    from audiotag import models
    from audiotag.frontend import preset
    from audiotag.labels import Labels
    from audiotag.tagging import AudioTagger

    keras.utils.set_random_seed(1)
    network = models.build("passt", classes=2, width=16, depth=1, heads=2)
    tagger = AudioTagger(network, Labels(("a", "b")), preset("efficientat"), seconds=0.5)
    tagger.save(tmp_path / "tagger.keras")
    table = tmp_path / "kept.npz"
    (sounds / "broken.wav").write_bytes(b"RIFF")
    pick = ("pick", sounds, "--embeddings", table, "--by", "similar", "--like", sounds / "y" / "2-0.wav")
    first = command(*pick, "--model", tmp_path / "tagger.keras", "--most", 2)
    assert first.code == 1
    assert "broken.wav" in first.err
    rows = rows_of(first.out)
    assert {row["path"] for row in rows} == {"x/2-1.wav", "x/2-2.wav"}
    assert float(rows[0]["score"]) > 0.9
    before = table.stat().st_mtime_ns
    again = command(*pick, "--most", 2)
    assert (again.code, again.out, table.stat().st_mtime_ns) == (0, first.out, before)
    assert "leave it out" in refuse(*pick, "--model", "mn04_as")
    table.write_bytes(b"nothing")
    assert "is no table of embeddings" in refuse(*pick)
