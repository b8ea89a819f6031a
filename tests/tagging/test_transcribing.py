"""Transcription: windows equal a single pass, times are the recording's, and files hold what was found."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio, notes
from audiotag.errors import AudioError, AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.models.notes import NoteNetwork
from audiotag.notes import Note, decode, midi
from audiotag.tagging import AudioTagger, note_formats, transcribing
from audiotag.tagging.transcribing import Transcription, note_scores

FRONT_END = LogMelConfig(
    name="few", sample_rate=8000, window=400, hop=160, fft=512, mels=16, fmax=4000.0, preemphasis=0.0
)


def tagger(context: str) -> AudioTagger:
    keras.utils.set_random_seed(0)
    network = NoteNetwork(context, width=0.5, units=8).network("few", notes.PITCHES, FRONT_END.mels, None)
    random = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name == "kernel":
            weight.assign(random.normal(0, 0.3 / weight.shape[0] ** 0.5, weight.shape))
        elif weight.name == "bias":
            weight.assign(np.zeros(weight.shape))
    return AudioTagger(network, notes.labels(), FRONT_END, "notes", seconds=10.0, pad="zero")


@pytest.fixture(scope="module")
def convolutions() -> AudioTagger:
    return tagger("convolution")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """7.3 s of noise whose loudness changes."""
    random = np.random.default_rng(1)
    loudness = np.repeat(random.uniform(0, 0.3, 73), 800)
    return (random.normal(size=len(loudness)) * loudness).astype(np.float32)


@pytest.mark.parametrize("frames", [37, 100, 365])
def test_windows_equal_a_single_pass(convolutions: AudioTagger, sound: np.ndarray, frames: int) -> None:
    whole, grid, seconds = note_scores(convolutions, sound, frames=10_000)
    parts, *_ = note_scores(convolutions, sound, frames=frames)
    assert (whole.shape, grid.count, seconds) == ((365, 88, 4), 365, 7.3)
    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_a_recurrent_network_finds_its_way_before_a_window_counts(sound: np.ndarray) -> None:
    recurrent = tagger("gru")
    whole, parts = (note_scores(recurrent, sound, frames=frames)[0] for frames in (10_000, 120))
    np.testing.assert_allclose(parts, whole, atol=1e-3)


def test_a_file_gives_what_its_waveform_gives(convolutions: AudioTagger, sound: np.ndarray, tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", sound, 8000)
    roll, grid, _ = note_scores(convolutions, audio.read(tmp_path / "a.wav", 8000))
    found = convolutions.transcribe(tmp_path / "a.wav", onset_threshold=0.4, frame_threshold=0.3, shortest=0.02)
    assert list(found.notes) == decode(roll, grid, 0.4, 0.3, 0.02)
    assert found.notes and found.seconds == 7.3
    assert max(note.offset for note in found.notes) <= 7.3


@pytest.mark.parametrize("samples", [1, 200, 500, 8000])
def test_a_short_sound_is_transcribed_too(convolutions: AudioTagger, samples: int) -> None:
    roll, grid, seconds = note_scores(convolutions, np.full(samples, 0.1, np.float32))
    assert seconds == samples / 8000
    assert len(roll) == grid.count == -(-samples // 160)


def test_what_transcribes_no_notes_says_so(convolutions: AudioTagger, network, tmp_path: Path) -> None:
    names = ("low", "middle", "high")
    other = AudioTagger(network(3), Labels(names), FRONT_END, "multilabel", seconds=1.0)
    with pytest.raises(AudiotagError, match="train model='notes'"):
        other.transcribe(np.zeros(8000, np.float32))
    with pytest.raises(AudiotagError, match="onset_threshold lies in 0 to 1, received 2"):
        convolutions.transcribe(np.zeros(8000, np.float32), onset_threshold=2)
    with pytest.raises(AudioError, match="not empty"):
        convolutions.transcribe(np.zeros(0, np.float32))
    with pytest.raises(AudiotagError, match="leave it out"):
        convolutions.transcribe(tmp_path / "a.wav", sample_rate=8000)


def test_pitches_of_another_order_are_refused(convolutions: AudioTagger) -> None:
    names = tuple(reversed(notes.labels().names))
    other = AudioTagger(convolutions.network, Labels(names), FRONT_END, "notes", seconds=10.0)
    with pytest.raises(AudiotagError, match="a network of the 88 pitches, few_notes has the classes C8, B7, A#7"):
        transcribing.note_scores(other, np.zeros(8000, np.float32))


RESULT = Transcription((Note(0.5, 1.25, 60, 90), Note(1.0, 2.0004, 61, 1)), 3.0)


def test_files_hold_the_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for format in note_formats.FORMATS:
        note_formats.write(RESULT, format, tmp_path / format)
    assert [(n.onset, n.offset, n.pitch, n.velocity) for n in midi.read(tmp_path / "midi").notes] == [
        (0.5, 1.25, 60, 90),
        (1.0, 2.0, 61, 1),
    ]
    with (tmp_path / "csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file))[1] == {
            "onset": "1.000",
            "offset": "2.000",
            "pitch": "61",
            "name": "C#4",
            "velocity": "1",
        }
    lines = (tmp_path / "jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {"onset": 0.5, "offset": 1.25, "pitch": 60, "name": "C4", "velocity": 90}
    note_formats.write(RESULT, "csv")
    assert capsys.readouterr().out == (tmp_path / "csv").read_text(encoding="utf-8")
    with pytest.raises(AudiotagError, match="did you mean 'midi'"):
        note_formats.check("mid", None)
    with pytest.raises(AudiotagError, match="a MIDI file is no text"):
        note_formats.check("midi", None)
