"""`audiotag transcribe`: a sound file in, MIDI, CSV or JSON lines and a picture out; or text, JSON, CTM and SRT."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio, models, notes, speech
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
def speller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of random weights, which tells some letters in anything."""
    keras.utils.set_random_seed(0)
    network = models.build("speech", classes=3, mels=FRONT_END.mels, width=0.25, units=8, depth=1)
    network.get_layer("characters").bias.assign([1.0, 2.0, 2.0])
    path = tmp_path_factory.mktemp("speller") / "tagger.keras"
    labels = speech.labels("ab")
    models.save(AudioTagger(network, labels, FRONT_END, "speech", seconds=2.0, pad="zero"), path)
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
        ((sound, "--model", student), "train model='notes' or model='speech'"),
        ((tmp_path / "none.wav", "--model", run), "none.wav"),
    ):
        done = command("transcribe", *arguments, "--out", tmp_path / "a.mid")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err
    assert not (tmp_path / "a.mid").exists()


def test_a_model_of_speech_writes_words(
    command: Command, speller: Path, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = command("transcribe", sound, "--model", speller)
    assert (shown.code, shown.err) == (0, "") and set(shown.out) <= set("ab \n") and len(shown.out) > 1
    stored = json.loads(command("transcribe", sound, "--model", speller, "--format", "json").out)
    assert stored["text"] == shown.out.strip() == " ".join(word["text"] for word in stored["words"])
    command("transcribe", sound, "--model", speller, "--format", "ctm", "--out", "a.ctm")
    lines = (tmp_path / "a.ctm").read_text(encoding="utf-8").splitlines()
    assert [line.split()[4] for line in lines] == [word["text"] for word in stored["words"]]
    (tmp_path / "words.txt").write_text("aba\n")
    listed = command("transcribe", sound, "--model", speller, "--words", "words.txt", "--beam", "4")
    assert listed.code == 0 and set(listed.out.split()) <= {"aba"}


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (
            "speller",
            ("--format", "midi"),
            "with --format text, json, ctm, srt and --beam, --words, received --format midi",
        ),
        ("speller", ("--shortest", "1", "--picture", "a.png"), "received --shortest, --picture"),
        ("speller", ("--words", "none.txt"), "none.txt cannot be read"),
        ("speller", ("--beam", "0"), "a beam keeps at least 1"),
        ("run", ("--format", "srt"), "transcribes notes, with --format midi, csv, jsonl"),
        ("run", ("--beam", "4"), "received --beam"),
    ],
)
def test_what_belongs_to_the_other_kind_is_one_line(
    command: Command,
    request: pytest.FixtureRequest,
    sound: Path,
    model: str,
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("transcribe", sound, "--model", request.getfixturevalue(model), *options)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert list(tmp_path.iterdir()) == []
