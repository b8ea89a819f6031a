"""`audiotag embed`: a table of embeddings from files and folders, and what a user gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest

pytestmark = pytest.mark.usefixtures("eager")

Command = Callable[..., object]
Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that nobody taught, in a file: what it hears is all that matters here."""
    import keras

    from audiotag import frontend, models
    from audiotag.clip_format import ClipFormat
    from audiotag.labels import Labels

    keras.utils.set_random_seed(1)
    clip_format = ClipFormat(Labels(("a", "b")), frontend.preset("efficientat"), "multiclass", 0.5)
    card = models.ModelCard("untaught", clip_format)
    built = models.build("passt", classes=2, frames=50, width=16, depth=1, heads=2)
    return models.save(built, tmp_path_factory.mktemp("network") / "student.keras", card)


def test_a_folder_becomes_a_row_a_file(command: Command, folder: Path, network: Path, tmp_path: Path) -> None:
    import audiotag

    outcome = command("embed", folder, "--model", network, "--out", tmp_path / "e.npz")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{tmp_path / 'e.npz'}: 8 embeddings of 146 numbers from 8 of 8 files\n"
    with np.load(tmp_path / "e.npz", allow_pickle=False) as table:
        assert table["file"].tolist() == [str(path) for path in sorted(folder.rglob("*.wav"))]
        assert (str(table["model"]), str(table["layers"])) == (str(network), "mid")
        np.testing.assert_allclose(table["end"] - table["start"], 0.5)
        expected = audiotag.load(network).embed(table["file"][3])
        np.testing.assert_array_equal(table["embedding"][3], expected)


def test_timestamps_give_a_row_a_window(command: Command, tone: Callable, network: Path, tmp_path: Path) -> None:
    tone(tmp_path / "long.wav", seconds=1.0)
    options = ("--timestamps", "--window", 0.4, "--hop", 0.2, "--layers", "logits, block1_mlp_add")
    assert command("embed", tmp_path / "long.wav", "--model", network, "--out", tmp_path / "e.npz", *options).code == 0
    table = np.load(tmp_path / "e.npz")
    np.testing.assert_allclose(table["start"], [0.0, 0.2, 0.4, 0.6], atol=1e-9)
    np.testing.assert_allclose(table["end"], [0.4, 0.6, 0.8, 1.0], atol=1e-9)
    assert table["embedding"].shape == (4, 2 + 16)
    assert str(table["layers"]) == "logits,block1_mlp_add"


def test_parquet_is_written_too(command: Command, folder: Path, network: Path, tmp_path: Path) -> None:
    assert command("embed", folder / "low", "--model", network, "--out", tmp_path / "e.parquet").code == 0
    assert np.stack(pandas.read_parquet(tmp_path / "e.parquet")["embedding"]).shape == (4, 146)


def test_a_bad_file_makes_the_exit_code_1_and_the_others_are_written(
    command: Command, folder: Path, network: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("I am a letter.", encoding="utf-8")
    paths = (tmp_path / "missing.wav", folder / "low" / "0.wav", tmp_path / "text.wav")
    outcome = command("embed", *paths, "--model", network, "--out", tmp_path / "e.npz")
    assert (outcome.code, outcome.err.count("\n")) == (1, 2)
    assert "missing.wav is missing: no such file" in outcome.err
    assert "text.wav is not audio" in outcome.err
    assert outcome.out.endswith("from 1 of 3 files\n")
    assert np.load(tmp_path / "e.npz")["file"].tolist() == [str(folder / "low" / "0.wav")]


def test_where_every_file_is_bad_nothing_is_written(command: Command, network: Path, tmp_path: Path) -> None:
    outcome = command("embed", tmp_path / "missing.wav", "--model", network, "--out", tmp_path / "e.npz")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert outcome.out == f"{tmp_path / 'e.npz'} was not written: embeddings from 0 of 1 files\n"
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_is_too_short_is_refused_by_name(
    command: Command, tone: Callable, network: Path, tmp_path: Path
) -> None:
    tone(tmp_path / "sounds" / "click.wav", seconds=0.001)
    path = tmp_path / "sounds" / "click.wav"
    # A window of 5 ms is shorter than a frame whatever the file; a shorter file is filled up to a longer window.
    assert command("embed", path, "--model", network, "--out", tmp_path / "e.npz").code == 0
    outcome = command("embed", path, "--model", network, "--out", tmp_path / "f.npz", "--window", 0.005)
    assert (outcome.code, outcome.out) == (2, "")
    assert "samples (0.013 s) are needed, received 160" in outcome.err


@pytest.mark.parametrize(
    ("options", "phrases"),
    [
        (("--out", "e.csv"), (".npz or .parquet", "received e.csv")),
        (("--out", "e.csv", "--model", "no such model"), ("received e.csv",)),
        (("--out", "e.npz", "--layers", "mids"), ("no layer 'mids'", "did you mean 'mid'")),
        (("--out", "e.npz", "--layers", "mid,"), ("no layer ''",)),
        (("--out", "e.npz", "--window", "0"), ("window and hop must be positive",)),
        (("--out", "e.npz", "--model", "mn04_az"), ("did you mean 'mn04_as'",)),
        ((), ("--out",)),
    ],
)
def test_what_is_wrong_for_every_file_is_one_line(
    refuse: Refuse, folder: Path, network: Path, tmp_path: Path, monkeypatch, options, phrases
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refuse("embed", folder, "--model", network, *options)
    assert all(phrase in line for phrase in phrases)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_refused(refuse: Refuse, network: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    line = refuse("embed", tmp_path / "empty", "--model", network, "--out", tmp_path / "e.npz")
    assert "holds no sound files" in line
