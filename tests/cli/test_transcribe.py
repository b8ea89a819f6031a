"""`audiotag transcribe`: a sound file in, MIDI, CSV or JSON lines and a picture out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio, models, notes
from audiotag.frontend import LogMelConfig
from audiotag.models.notes import NoteNetwork
from audiotag.notes import midi
from audiotag.tagging import AudioTagger

FRONT_END = LogMelConfig(
    name="few", sample_rate=8000, window=400, hop=160, fft=512, mels=16, fmax=4000.0, preemphasis=0.0
)
Command = Callable[..., object]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of random weights, which finds some notes in anything."""
    keras.utils.set_random_seed(0)
    network = NoteNetwork("convolution", width=0.5, units=8).network("few", notes.PITCHES, FRONT_END.mels, None)
    random = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name == "kernel":
            weight.assign(random.normal(0, 0.5 / weight.shape[0] ** 0.5, weight.shape))
        elif weight.name == "bias":
            weight.assign(np.zeros(weight.shape))
    path = tmp_path_factory.mktemp("run") / "tagger.keras"
    models.save(AudioTagger(network, notes.labels(), FRONT_END, "notes", seconds=10.0, pad="zero"), path)
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    random = np.random.default_rng(1)
    loudness = np.repeat(random.uniform(0, 0.2, 30), 800)
    audio.write(path, (random.uniform(-1, 1, len(loudness)) * loudness).astype(np.float32), 8000)
    return path


def test_every_format_holds_the_same_notes(
    command: Command, run: Path, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("transcribe", sound, "--model", run, "--picture", "roll.png")
    assert (done.code, done.out, done.err) == (0, "", "")
    found = midi.read(tmp_path / "noise.wav.mid").notes
    assert len(found) > 5
    assert (tmp_path / "roll.png").read_bytes().startswith(b"\x89PNG")
    shown = command("transcribe", sound, "--model", run, "--format", "csv")
    rows = list(csv.DictReader(shown.out.splitlines()))
    assert [(round(float(row["onset"]), 3), int(row["pitch"]), int(row["velocity"])) for row in rows] == [
        (round(note.onset, 3), note.pitch, note.velocity) for note in found
    ]
    command("transcribe", sound, "--model", run, "--format", "jsonl", "--out", "notes.jsonl")
    lines = (tmp_path / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [note.name for note in found]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "mid"), "did you mean 'midi'"),
        (("--picture", "roll.txt"), ".png, .svg, .pdf, received roll.txt"),
        (("--onset-threshold", "2"), "onset_threshold lies in 0 to 1, received 2"),
    ],
)
def test_a_mistake_is_one_line(
    command: Command, run: Path, sound: Path, options: tuple[str, ...], message: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("transcribe", sound, "--model", run, *options)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_other_sounds_and_a_missing_file_are_one_line(
    command: Command, student: Path, run: Path, sound: Path, tmp_path: Path
) -> None:
    for arguments, message in (
        ((sound, "--model", student), "train model='notes'"),
        ((tmp_path / "none.wav", "--model", run), "none.wav"),
    ):
        done = command("transcribe", *arguments, "--out", tmp_path / "a.mid")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err
    assert not (tmp_path / "a.mid").exists()
