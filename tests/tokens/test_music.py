"""Tokens of notes: there and back, of a data set, and what a language model of them plays on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag import audio, notes, records, tokens
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.models import build as network_of
from audiotag.notes import Note, midi, rendering
from audiotag.records import Clip, Declaration, Event
from audiotag.tokens import LanguageModel, TokenData, note_tokens
from audiotag.tokens.building import Settings
from audiotag.tokens.music import continue_notes
from audiotag.tokens.sampling import Sampling
from audiotag.tokens.surprise import surprise
from audiotag.training import Recipe, train
from tests.cli.conftest import run as command
from tests.in_process import ThisProcess

FRONT_END = LogMelConfig(name="few", sample_rate=8000, window=320, hop=160, fft=512, mels=16, fmax=4000.0)
PIECE_SECONDS, CLIP_SECONDS = 40.0, 10.0
steps = st.integers(0, 400)
PLAYED = st.lists(st.tuples(steps, st.sampled_from(note_tokens.LENGTHS), st.integers(21, 108)), min_size=1, max_size=30)


def scale(first: int, seconds: float = PIECE_SECONDS) -> tuple[Note, ...]:
    """Eight keys up, again and again, one every 0.4 s; the first is the `first` of them."""
    count = int(seconds / 0.4)
    return tuple(Note(0.4 * n, 0.4 * n + 0.32, 49 + (first + n) % 8, 80) for n in range(count))


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> records.Data:
    """A scale from several of its keys; the sound does not matter."""
    folder, clips = tmp_path_factory.mktemp("pieces"), []
    for number, first in enumerate((0, 1, 2, 3, 5, 6)):
        audio.write(
            folder / "sounds" / f"{number}.wav",
            np.full(int(8000 * PIECE_SECONDS), 0.01 + 0.01 * number, np.float32),
            8000,
        )
        split, played = ("validation" if number == 2 else "train"), scale(first)
        for start in np.arange(0.0, PIECE_SECONDS, CLIP_SECONDS):
            own = [note for note in played if start <= note.onset < start + CLIP_SECONDS]
            events = tuple(Event(n.onset - start, n.offset - start, n.name, 80) for n in own)
            labels = tuple(sorted({note.name for note in own}))
            place = (float(start), float(start) + CLIP_SECONDS)
            clips.append(Clip(f"{number}-{start:g}", f"{number}.wav", labels, split, *place, events))
    about = {"name": "scales", "version": "1", "licence": "CC0", "citation": "none"}
    declared = Declaration(
        **about, task="notes", labels=notes.labels(), clips=tuple(clips), seconds=CLIP_SECONDS, root=folder / "sounds"
    )
    records.build(declared, folder / "data", front_end=FRONT_END, engine=ThisProcess())
    return records.open(folder / "data")


@pytest.fixture(scope="module")
def learnt(pieces: records.Data, tmp_path_factory: pytest.TempPathFactory) -> TokenData:
    return tokens.build(pieces.path, tmp_path_factory.mktemp("tokens") / "scales")


def trained(learnt: TokenData, out: Path, **training: int) -> LanguageModel:
    options = {"width": 32, "depth": 2, "heads": 2, "dropout": 0.0}
    steps = {"batch_size": 5, "learning_rate": 1e-2, "warmup": 0}
    return tokens.open_model(
        train(Recipe(data=learnt.path, model="decoder", model_options=options, **steps, **training), out).path
    )


@pytest.fixture(scope="module")
def model(eager: None, learnt: TokenData, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """One that has learnt next to nothing, which plays any notes."""
    return trained(learnt, tmp_path_factory.mktemp("runs") / "scales", epochs=1, epoch_steps=1)


@given(PLAYED)
def test_notes_on_the_grid_come_back_as_they_are(played):
    step = note_tokens.STEP
    wanted = notes.apart(Note(at * step, (at + length) * step, pitch, 80) for at, length, pitch in played)[0]
    # Where notes of one pitch overlap, the first ends at any step: only the nearest length comes back.
    found = note_tokens.decode(note_tokens.encode(wanted))[0]
    assert [(round(n.onset / step), n.pitch) for n in found] == [(round(n.onset / step), n.pitch) for n in wanted]
    on_grid = [n for n in wanted if round((n.offset - n.onset) / step) in note_tokens.LENGTHS]
    ends = {(round(n.onset / step), n.pitch): n.offset for n in found}
    assert all(abs(ends[round(n.onset / step), n.pitch] - n.offset) < 1e-6 for n in on_grid)


@given(st.lists(st.integers(0, note_tokens.COUNT - 1), max_size=60))
def test_whatever_tokens_there_are_they_are_notes(drawn):
    found, seconds = note_tokens.decode(drawn)
    assert all(note.onset <= seconds for note in found)
    assert len(note_tokens.labels()) == note_tokens.COUNT


def test_a_note_is_its_wait_its_key_and_its_length():
    played = [Note(1.2, 1.6, 21, 90), Note(1.2, 1.24, 108, 10)]
    names = note_tokens.labels().names
    assert [names[token] for token in note_tokens.encode(played)] == [
        *("wait 25", "wait 5", "A0", "length 10", "C8", "length 1")
    ]


def test_rows_hold_the_notes_of_recordings(pieces: records.Data, model: LanguageModel):
    data = model.data()
    names, rows = data.rows("validation")
    wanted = note_tokens.encode(scale(2))
    assert names.tolist() == ["2.wav@0", "2.wav@107"] and len(wanted) == 299
    np.testing.assert_array_equal(rows[0], wanted[:192])
    np.testing.assert_array_equal(rows[1], wanted[-192:])
    assert abs(data.tokenizer.rate - 299 / 39.6) < 1e-6 and data.splits == {"train": 10, "validation": 2}


def test_what_is_of_sounds_alone_is_refused(pieces: records.Data, model: LanguageModel, tmp_path: Path):
    with pytest.raises(AudiotagError, match="tokens of notes are not learnt, received rate"):
        tokens.build(pieces.path, tmp_path / "t", Settings(rate=20.0))
    with pytest.raises(AudiotagError, match="made of notes, not of sound"):
        surprise(model, np.ones(8000, np.float32))
    with pytest.raises(AudiotagError, match="has notes in it, received none"):
        continue_notes(model, [], 1.0)
    with pytest.raises(AudiotagError, match="at most 600 s, received -1"):
        continue_notes(model, scale(4, 4.0), -1.0)


def test_what_is_played_on_follows_the_piece_and_is_the_same_again(model: LanguageModel):
    prompt = scale(4, 6.0)
    begin = prompt[-1].onset
    found = continue_notes(model, prompt, 3.0, Sampling(seed=3))
    assert found and all(begin <= note.onset <= begin + 3 for note in found)
    assert found == continue_notes(model, prompt, 3.0, Sampling(seed=3))


@pytest.mark.slow
def test_a_scale_is_played_on(learnt: TokenData, tmp_path: Path):
    model = trained(learnt, tmp_path / "run", epochs=5, epoch_steps=40, ramp_start=4)
    following = continue_notes(model, scale(4, 12.0), 4.0, Sampling(top_p=1e-6))
    wanted = [note for note in scale(4, 20.0) if 11.7 < note.onset < 15.65]
    assert [note.pitch for note in following] == [note.pitch for note in wanted]
    np.testing.assert_allclose([n.onset for n in following], [n.onset for n in wanted], atol=1e-6)
    np.testing.assert_allclose([n.offset for n in following], [n.offset for n in wanted], atol=1e-6)


def test_a_midi_file_is_continued_and_played(model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    prompt, out = tmp_path / "scale.mid", tmp_path / "on.mid"
    midi.write(prompt, scale(4, 12.0))
    arguments = ("continue", prompt, "--model", model.run, "--seconds", "1", "--out", out)
    for more, message in (
        (("--preview",), "--preview and --source are those of sounds"),
        (("--out", tmp_path / "on.flac"), "notes are written as .mid"),
    ):
        done = command(*arguments, *more)
        assert (done.code, done.err.count("\n")) == (2, 1) and message in done.err
    monkeypatch.setattr(rendering, "program_path", lambda: "fluidsynth")
    monkeypatch.setattr(rendering, "font_path", lambda: tmp_path / "font.sf2")
    played = []
    monkeypatch.setattr(rendering, "render", lambda path, notes, font: played.append((path, notes, font)))
    audio.write(tmp_path / "sound.wav", np.ones(8000, np.float32), 8000)
    done = command("continue", tmp_path / "sound.wav", *arguments[2:])
    assert (done.code, done.err.count("\n")) == (2, 1) and "name it: --transcriber" in done.err
    done = command(*arguments)
    assert (done.code, done.err) == (0, "") and "30 notes of scale.mid, then " in done.out
    written = midi.read(out).notes
    assert len(written) > 30 and played[0][0] == tmp_path / "on.wav" and len(played[0][1]) >= len(written)
    assert [note.pitch for note in written[:29]] == [note.pitch for note in scale(4, 12.0)[:29]]


def test_a_sound_is_played_where_there_is_a_synthesizer(model: LanguageModel, tmp_path: Path):
    try:
        rendering.program_path(), rendering.font_path()
    except AudiotagError as error:
        pytest.skip(str(error))
    midi.write(tmp_path / "scale.mid", scale(1, 6.0))
    done = command(
        "continue", tmp_path / "scale.mid", "--model", model.run, "--seconds", "1", "--out", tmp_path / "a.mid"
    )
    assert (done.code, done.err) == (0, "")
    sound = audio.read(tmp_path / "a.wav", 44_100)
    last = midi.read(tmp_path / "a.mid").notes[-1].onset
    assert len(sound) > last * 44_100 > 5 * 44_100
    assert np.abs(sound[int(last * 44_100) :]).max() > 0.01


def test_a_network_takes_as_many_tokens_as_there_are():
    assert network_of("decoder", classes=note_tokens.COUNT, width=8, depth=1, heads=1).output_shape[-1] == 129
