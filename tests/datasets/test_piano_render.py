"""Rendered pieces: composed by their seed alone, played by fluidsynth, or read from MIDI files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, notes, records
from audiotag.clips.declaration import load_file
from audiotag.errors import AudiotagError
from audiotag.notes import Note, midi, rendering
from audiotag.storage import find_in_library


@pytest.fixture(scope="module")
def font() -> Path:
    if shutil.which("fluidsynth") is None:
        pytest.skip("the program fluidsynth is not installed")
    try:
        return rendering.font_path("TimGM6mb")
    except AudiotagError:
        pytest.skip("the sound font TimGM6mb is not installed")


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten MIDI files, one note each."""
    folder = tmp_path_factory.mktemp("scores")
    for number in range(10):
        (folder / "b").mkdir(exist_ok=True)
        midi.write(folder / "b" / f"{number}.mid", [Note(0.5, 1.0, 60 + number, 100)])
    return folder


def test_a_note_sounds_when_and_as_high_as_it_is_written(font: Path, tmp_path: Path) -> None:
    played = [Note(0.5, 1.0, 69, 100), Note(1.5, 2.0, 81, 100)]
    rendering.render(tmp_path / "a.flac", played, font=font, program=0)
    sound = audio.read(tmp_path / "a.flac", 16_000)
    assert np.abs(sound[: int(0.49 * 16_000)]).max() < 1e-3
    for note, frequency in zip(played, (440.0, 880.0), strict=True):
        part = sound[int((note.onset + 0.1) * 16_000) : int(note.offset * 16_000)]
        assert np.abs(part).max() > 0.01
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 16))
        assert np.argmax(spectrum) * 16_000 / (1 << 16) == pytest.approx(frequency, rel=0.02)
    rendering.render(tmp_path / "b.flac", played, font=font, program=0)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()


def test_pieces_are_composed_by_their_seed_alone() -> None:
    compose = load_file(find_in_library("datasets", "piano_render")).compose
    piece = compose(3, 5, 20.0)
    assert piece == compose(3, 5, 20.0)
    assert piece != compose(4, 5, 20.0) and piece != compose(3, 6, 20.0)
    assert len(piece) > 20
    assert all(note.onset >= 0.2 and note.offset <= 19.0 and note.offset - note.onset >= 0.06 for note in piece)
    assert notes.apart(piece) == (piece, 0)


def test_midi_files_become_clips_with_their_notes(font: Path, scores: Path, tmp_path: Path) -> None:
    options = {"source": scores, "font": "TimGM6mb", "program": "0,24", "rendered": tmp_path}
    declared = records.declare("piano_render", **options)
    assert (declared.task, len(declared.labels), len(declared.clips)) == ("notes", 88, 10)
    clip = declared.clips[1]
    assert (clip.clip_id, clip.split, clip.labels, clip.columns["program"]) == ("b/1#0.000", "train", ("C#4",), "24")
    assert [(e.onset, e.offset, e.velocity) for e in clip.events] == [(0.5, 1.0, 100)]
    assert [c.split for c in declared.clips].count("test") == 2
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    assert len(made) == 10
    assert records.declare("piano_render", **options).clips == declared.clips
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}


def test_what_is_missing_is_said(scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudiotagError, match="not installed here: apt install fluidsynth"):
        records.declare("piano_render", source=scores)
    monkeypatch.setattr(rendering, "program_path", lambda: "fluidsynth")
    with pytest.raises(AudiotagError, match="received 'NoFont': apt install fluid-soundfont-gm"):
        records.declare("piano_render", source=scores, font="NoFont")
    monkeypatch.setattr(rendering, "_FOLDERS", (str(tmp_path),))
    with pytest.raises(AudiotagError, match="none of which is there: apt install"):
        records.declare("piano_render", source=scores)
    with pytest.raises(AudiotagError, match="0 to 127, several separated by commas, received '128'"):
        records.declare("piano_render", program="128")
    with pytest.raises(AudiotagError, match="10 or more"):
        records.declare("piano_render", pieces=3)


def test_a_font_that_is_none_is_one_line(font: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(AudiotagError, match="cannot play notes with"):
        rendering.render(tmp_path / "a.flac", [Note(0.5, 1.0, 69, 100)], font=broken)
    assert not (tmp_path / "a.flac").exists()
