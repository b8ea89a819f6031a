"""LibriSpeech and Common Voice: recordings with their texts in the folders that are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from tests.in_process import ThisProcess
from tests.small_speech import FRONT_END

Noises = Callable[..., None]


@pytest.fixture
def librispeech(noises: Noises, tmp_path: Path) -> Path:
    for subset, speaker in (("train-clean-100", "19"), ("dev-other", "700"), ("test-clean", "61")):
        chapter = tmp_path / subset / speaker / "5"
        chapter.mkdir(parents=True)
        noises(chapter, *(f"{speaker}-5-000{n}.flac" for n in range(3)), seconds=1.2)
        lines = [f"{speaker}-5-0000 DON'T STOP", f"{speaker}-5-0001 ", f"{speaker}-5-0003 GONE"]
        (chapter / f"{speaker}-5.trans.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_librispeech_s_utterances_have_the_text_of_their_chapter(librispeech: Path, tmp_path: Path) -> None:
    declared = records.declare("librispeech", source=librispeech, seconds=2)
    assert [(clip.clip_id, clip.text, clip.split) for clip in declared.clips if clip.clip_id.endswith("0000")] == [
        ("700-5-0000", "don't stop", "validation"),
        ("61-5-0000", "don't stop", "test"),
        ("19-5-0000", "don't stop", "train"),
    ]
    assert declared.clips[0].columns == {"subset": "dev-other", "speaker": "700", "text": "don't stop"}
    report = records.build(declared, tmp_path / "data", front_end=FRONT_END, engine=ThisProcess())
    assert (report.clips, report.rejected) == (12, 9)
    rows = records.open(tmp_path / "data").clips.set_index("clip_id")
    for number, reason in ((1, "it has no text in its chapter"), (2, "it has no text in its chapter"), (3, "")):
        assert rows.loc[f"19-5-000{number}", "status"] == "rejected"
        assert rows.loc[f"19-5-000{number}", "reason"].startswith(reason)


def test_what_is_no_librispeech_is_refused(librispeech: Path, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"openslr\.org/12"):
        records.declare("librispeech")
    with pytest.raises(AudiotagError, match=r"has no SUBSET/SPEAKER/CHAPTER/….trans.txt"):
        records.declare("librispeech", source=librispeech / "dev-other")
    (librispeech / "test-clean").rename(librispeech / "mine-clean")
    with pytest.raises(AudiotagError, match="a subset is named train-…, dev-… or test-…, received 'mine-clean'"):
        records.declare("librispeech", source=librispeech)


HEADER = "client_id\tpath\tsentence\tage\tgender"


@pytest.fixture
def common_voice(noises: Noises, tmp_path: Path) -> Path:
    sentences = ('"Hello," she said.', "Ça va", " … ", "It's 7 o'clock")
    for name in ("train", "test"):
        rows = [f"{name}{n}\t{name}_{n}.wav\t{text}\t\tfemale" for n, text in enumerate(sentences)]
        (tmp_path / f"{name}.tsv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
        (tmp_path / "clips").mkdir(exist_ok=True)
        noises(tmp_path / "clips", *(f"{name}_{n}.wav" for n in range(4)), seconds=1.2)
    return tmp_path


def test_common_voice_s_sentences_are_normalised_and_letters_outside_named(common_voice: Path) -> None:
    declared = records.declare("common_voice", source=common_voice)
    first, french, empty, number = declared.clips[:4]
    assert (first.clip_id, first.source, first.split, first.text) == (
        "train_0",
        "clips/train_0.wav",
        "train",
        "hello she said",
    )
    assert first.columns["speaker"] == "train0" and first.columns["gender"] == "female"
    assert french.fault.startswith("its text has 'ç', and the letters are abcdef")
    assert (empty.fault, number.fault[:16]) == ("its sentence is empty", "its text has '7'")
    wider = records.declare("common_voice", source=common_voice, letters="abcdefghijklmnopqrstuvwxyz'ç7")
    assert [clip.fault for clip in wider.clips[:4]] == ["", "", "its sentence is empty", ""]
    assert wider.clips[1].text == "ça va" and wider.labels.names[-2:] == ("ç", "7")


def test_what_is_no_common_voice_is_refused(common_voice: Path, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"commonvoice\.mozilla\.org"):
        records.declare("common_voice")
    with pytest.raises(AudiotagError, match=r"has no train\.tsv"):
        records.declare("common_voice", source=common_voice / "clips")
    for text, message in ((HEADER + "\na\tb", "line 2 has 2 cells"), ("client_id\tpath", "lacks the column sentence")):
        (common_voice / "test.tsv").write_text(text)
        with pytest.raises(AudiotagError, match=message):
            records.declare("common_voice", source=common_voice)
    (common_voice / "test.tsv").write_bytes(b"\xff\x00\x01caf\xe9")
    with pytest.raises(AudiotagError, match="cannot be read"):
        records.declare("common_voice", source=common_voice)
