"""Words of recordings: of files, of short ones, of silence; and files of every format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import audio
from audiotag.errors import AudiotagError
from audiotag.models import build
from audiotag.speech import Word
from audiotag.tagging import AudioTagger, word_formats
from audiotag.tagging.words import Transcript, character_scores
from tests.small_speech import FRONT_END, LABELS, RATE


@pytest.fixture(scope="module")
def tagger() -> AudioTagger:
    """Of random weights, which tells some characters in anything."""
    keras.utils.set_random_seed(0)
    network = build("speech", classes=len(LABELS), mels=FRONT_END.mels, width=0.25, units=16)
    network.get_layer("characters").bias.assign([1.0, 2.0, 2.0])
    network.get_layer("characters").kernel.assign(np.random.default_rng(0).normal(scale=2.0, size=(32, 3)))
    return AudioTagger(network, LABELS, FRONT_END, "speech", seconds=2.0, pad="zero")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """13.7 s of noise whose loudness changes."""
    random = np.random.default_rng(1)
    loudness = np.repeat(random.uniform(0, 0.3, 137), 800)
    return (random.normal(size=len(loudness)) * loudness).astype(np.float32)


def test_a_file_gives_what_its_waveform_gives(tagger: AudioTagger, sound: np.ndarray, tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", sound, RATE)
    found, own = tagger.words(tmp_path / "a.wav"), tagger.words(audio.read(tmp_path / "a.wav", RATE))
    assert found == own and found.words
    assert all(0 <= word.start < word.end <= 13.74 and 0 <= word.score <= 1 for word in found.words)
    (tmp_path / "words.txt").write_text("ab\nba\nb\n")
    listed = tagger.words(sound, word_list=tmp_path / "words.txt")
    assert listed.words and {word.text for word in listed.words} <= {"ab", "ba", "b"}


@pytest.mark.parametrize("samples", [1, 200, 500, 8000])
def test_a_short_sound_is_transcribed_too(tagger: AudioTagger, samples: int) -> None:
    found = character_scores(tagger, np.full(samples, 0.1, np.float32))
    assert found.seconds == samples / RATE
    centres = found.first + found.distance * np.arange(len(found.values))
    assert (centres[1:] < found.seconds).all()
    assert found.seconds - centres[-1] <= max(2 * found.distance, found.first)


def test_silence_has_no_words(tagger: AudioTagger) -> None:
    quiet = AudioTagger(tagger.network, LABELS, FRONT_END, "speech", seconds=2.0, pad="zero")
    quiet.network.get_layer("blank").bias.assign([50.0])
    found = quiet.words(np.zeros(RATE, np.float32))
    quiet.network.get_layer("blank").bias.assign([0.0])
    assert (found.words, found.text, found.seconds) == ((), "", 1.0)


def test_what_transcribes_no_texts_says_so(tagger: AudioTagger, network) -> None:
    other = AudioTagger(network(3), LABELS, FRONT_END, "multilabel", seconds=1.0)
    with pytest.raises(AudiotagError, match="train model='speech'"):
        other.words(np.zeros(RATE, np.float32))
    with pytest.raises(AudiotagError, match="at least 1 beginning"):
        tagger.words(np.zeros(RATE, np.float32), beam=0)


RESULT = Transcript(
    (Word("one", 0.5, 0.9, 0.875), Word("two", 1.0, 1.25, 1.0), Word("drei", 3661.0, 3661.5, 0.5)), 3662.0
)


def test_files_hold_the_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for format in word_formats.FORMATS:
        word_formats.write(RESULT, format, "a file.wav", tmp_path / format)
    assert (tmp_path / "text").read_text() == "one two drei\n"
    stored = json.loads((tmp_path / "json").read_text())
    assert (stored["recording"], stored["seconds"], stored["text"]) == ("a file.wav", 3662.0, "one two drei")
    assert stored["words"][0] == {"text": "one", "start": 0.5, "end": 0.9, "score": 0.875}
    lines = [line.split() for line in (tmp_path / "ctm").read_text().splitlines()]
    assert lines[0] == ["a_file.wav", "1", "0.500", "0.400", "one", "0.8750"] and len(lines) == 3
    blocks = (tmp_path / "srt").read_text().split("\n\n")
    assert blocks[0].splitlines() == ["1", "00:00:00,500 --> 00:00:01,250", "one two"]
    assert blocks[1].splitlines() == ["2", "01:01:01,000 --> 01:01:01,500", "drei"]
    word_formats.write(RESULT, "text", "a.wav")
    assert capsys.readouterr().out == "one two drei\n"
    with pytest.raises(AudiotagError, match="did you mean 'srt'"):
        word_formats.write(RESULT, "str", "a.wav")


def test_a_subtitle_is_short() -> None:
    words = tuple(Word("number", 0.3 * n, 0.3 * n + 0.25, 1.0) for n in range(40))
    spoken = word_formats._srt(Transcript(words, 12.0), "a")
    texts = re.findall(r"^[a-z ]+$", spoken, re.MULTILINE)
    assert sum(len(text.split()) for text in texts) == 40 and max(map(len, texts)) <= 42
