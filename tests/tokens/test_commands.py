"""`audiotag tokens`, `surprise`, `continue`, and `evaluate` of a language model: files out, mistakes in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import audio, records
from audiotag.metrics.next_token import BASELINES
from audiotag.tensorboard.events import PATTERN
from audiotag.tokens import LanguageModel, TokenData
from audiotag.tokens.language_model import bits_of
from tests.cli.conftest import run as command
from tests.tokens.conftest import RATE, STEP, sound


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    random = np.random.default_rng(5)
    audio.write(tmp_path / "tune.wav", sound(np.tile([0, 2, 1, 3], 3), random), RATE)
    return tmp_path / "tune.wav"


def test_tokens_are_learnt_and_said(melodies: records.Data, learnt: TokenData, tmp_path: Path) -> None:
    done = command("tokens", melodies.path, "--out", tmp_path / "t", "--count", "8")
    assert (done.code, done.err) == (0, "")
    assert "176 clips of 16 tokens, 12.5 a second, 8 different" in done.out
    assert (tmp_path / "t" / "tokens.npz").read_bytes() == (learnt.path / "tokens.npz").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_surprise_is_a_table_and_a_picture(language_model: LanguageModel, recording: Path, tmp_path: Path) -> None:
    picture, out = tmp_path / "curve.png", tmp_path / "curve.csv"
    done = command("surprise", recording, "--model", language_model.run, "--out", out, "--picture", picture)
    assert (done.code, done.err) == (0, "") and "12 tokens" in done.out
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [float(row["start"]) for row in rows] == [round(number * STEP / RATE, 3) for number in range(12)]
    tokens = np.array([[int(row["token"]) for row in rows]])
    wanted = bits_of(language_model.network, tokens)[0]
    np.testing.assert_allclose([float(row["bits"]) for row in rows], wanted, atol=2e-3)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_recording_is_continued(language_model: LanguageModel, recording: Path, tmp_path: Path) -> None:
    for name, options in (("a.wav", ()), ("b.flac", ("--preview",))):
        out = tmp_path / name
        done = command("continue", recording, "--model", language_model.run, "--seconds", "0.5", "--out", out, *options)
        assert (done.code, done.err) == (0, "")
        assert ("a preview by Griffin-Lim" in done.out) == bool(options) and "longest run of tokens" in done.out
        info = soundfile.info(out)
        assert (info.frames, info.samplerate) == (12 * STEP + RATE // 2, RATE)


def test_an_evaluation_tells_the_bits_beside_the_baselines(
    language_model: LanguageModel, learnt: TokenData, tmp_path: Path
) -> None:
    done = command("evaluate", language_model.run, "--split", "test", "--out", tmp_path / "e", "--resamples", "50")
    assert (done.code, done.err) == (0, "") and "fewer than the bigram's" in done.out
    rows = list(csv.DictReader((tmp_path / "e" / "metrics.csv").read_text().splitlines()))
    assert [row["predictor"] for row in rows] == ["decoder", *BASELINES]
    wanted = float(bits_of(language_model.network, learnt.rows("test")[1]).mean())
    assert abs(float(rows[0]["bits_per_token"]) - wanted) < 1e-4
    content = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert abs(content["summary"]["bits_per_token"] - wanted) < 1e-4 and len(content["surprise"]) == 10
    page = (tmp_path / "e" / "report.html").read_text()
    assert "Surprise" in page and "bits a token at" in page and "data:audio" in page
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (events,) = (tmp_path / "e" / "evaluation").glob(PATTERN)
    tags = {value.tag for event in EventFileLoader(str(events)).Load() for value in event.summary.value}
    assert {"bits_per_token/decoder", "bits_per_token/bigram", "charts/surprise"} <= tags


def test_mistakes_are_one_line_and_leave_nothing(
    language_model: LanguageModel, learnt: TokenData, recording: Path, tmp_path: Path
) -> None:
    run, out = language_model.run, tmp_path / "out.wav"
    audio.write(tmp_path / "silence.wav", np.zeros(RATE, np.float32), RATE)
    audio.write(tmp_path / "short.wav", np.full(200, 0.1, np.float32), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    before = sorted(tmp_path.iterdir())
    for arguments, message in (
        (("continue", tmp_path / "silence.wav", "--model", run, "--out", out), "received silence"),
        (
            ("continue", tmp_path / "short.wav", "--model", run, "--out", out),
            "a token is 0.08 s of sound, received 0.025",
        ),
        (
            ("surprise", tmp_path / "short.wav", "--model", run, "--out", out),
            "a token is 0.08 s of sound, received 0.025",
        ),
        (("continue", tmp_path / "nan.wav", "--model", run, "--out", out), "NaN or infinite samples"),
        (("continue", tmp_path / "none.wav", "--model", run, "--out", out), "none.wav"),
        (("continue", recording, "--model", learnt.path, "--out", out), "is none: give the --out of"),
        (("continue", recording, "--model", run, "--out", tmp_path / "a.mp3"), "as .wav or .flac, received a.mp3"),
        (("continue", recording, "--model", run, "--out", out, "--top-p", "0"), "top_p is above 0"),
        (("surprise", recording, "--model", run, "--out", out, "--picture", tmp_path / "a.txt"), "received a.txt"),
        (("tag", recording, "--model", run), "is a language model of tokens, which names no sounds"),
        (("evaluate", run, "--truth", recording, "--out", out), "takes --data, --split, --out, --resamples"),
        (("evaluate", run, "--data", tmp_path, "--out", out), "there are no tokens in"),
    ):
        done = command(*arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), (arguments, done)
        assert message in done.err, (arguments, done)
    assert sorted(tmp_path.iterdir()) == before
