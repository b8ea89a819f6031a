"""Surprise over time by the API: it is that of the library, and what cannot be measured is refused with one reason."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient

from audiotag import cli, models, progress, run_folder
from audiotag.cli.app import app
from audiotag.serving.app import application
from audiotag.tokens.surprise import surprise
from audiotag.tokens.tokenizer import Tokenizer
from tests.serving.conftest import tone, wav
from tests.small_data import RATE


@pytest.fixture
def served(make_service, language_model, tmp_path):
    """The application that has a language model, and its service."""
    (tmp_path / "surprise").mkdir()
    service = make_service(tmp_path / "surprise", language_model=language_model)
    client = TestClient(application(service), base_url="http://localhost", raise_server_exceptions=False)
    return SimpleNamespace(client=client, service=service)


def test_surprise_is_where_one_sound_follows_another(served, language_model, two_changes):
    answer = served.client.post("/surprise", content=wav(two_changes)).json()
    assert (answer["model"], answer["seconds"], answer["notes"]) == ("sounds", 5.4, [])
    # Three frames of 25 ms a token. Two sounds follow others; the first may be any of three.
    np.testing.assert_allclose(answer["starts"], np.arange(72) * 0.075, atol=1e-4)
    np.testing.assert_allclose(np.subtract(answer["ends"], answer["starts"]), 0.075, atol=2e-4)
    expected = np.full(72, -np.log2(0.94))
    expected[0], expected[[24, 56]] = np.log2(3), -np.log2(0.03)
    np.testing.assert_allclose(answer["bits"], expected, atol=1e-3)
    around = [expected[max(token - 6, 0) : token + 7].mean() for token in range(72)]
    np.testing.assert_allclose(answer["smoothed"], around, atol=1e-3)
    found = surprise(language_model, two_changes)
    np.testing.assert_allclose(answer["bits"], found.bits, atol=1e-4)
    assert answer["peak"] == pytest.approx(found.highest, abs=1e-4) == answer["moments"][0]["time"]
    assert sorted(answer["moments"], key=lambda moment: -moment["bits"]) == answer["moments"]
    times = [moment["time"] for moment in answer["moments"]]
    np.testing.assert_allclose(times[:2], [24.5 * 0.075, 56.5 * 0.075], atol=1e-4)  # as high, so the first is first
    assert served.client.post("/surprise", params={"sound": answer["sound"]}).json() == answer


@pytest.mark.parametrize(
    ("body", "fields", "status", "why"),
    [
        (wav(tone("low")[:300]), {}, 422, "a token is 0.075 s of sound, received 0.0375 s: give a longer recording"),
        (b"RIFF", {}, 422, "the recording is"),
        (wav(np.full(RATE, np.nan, np.float32)), {}, 422, "the recording holds NaN"),
        (b"", {}, 400, "received nothing"),
        (b"", {"sound": "0" * 64}, 404, "no recording is known by"),
    ],
)
def test_what_cannot_be_measured_is_refused(served, body, fields, status, why):
    answer = served.client.post("/surprise", content=body, params=fields)
    assert answer.status_code == status and list(answer.json()) == ["error"] and why in answer.json()["error"]


def test_without_a_language_model_there_is_no_surprise(client, served, melody):
    answer = client.post("/surprise", content=wav(melody))
    assert answer.status_code == 404 and "start audiotag serve --surprise" in answer.json()["error"]
    assert [each.get("/models").json()["surprise"] for each in (client, served.client)] == [None, "sounds"]


def test_work_that_nobody_waits_for_ends_at_the_next_clip(served, melody, monkeypatch):
    """Of ten clips of sound two are made tokens of."""
    tokens, made = Tokenizer.tokens, []

    def counted(tokenizer, vectors):
        made.append(len(vectors))
        if len(made) == 2:
            served.service.work.end()
        return tokens(tokenizer, vectors)

    with monkeypatch.context() as patch:
        patch.setattr(Tokenizer, "tokens", counted)
        answer = served.client.post("/surprise", content=wav(np.tile(melody, 4)))
        assert (answer.status_code, answer.json()) == (503, {"error": "the server ends"})
        served.client.post("/tag", content=wav(tone("low")))  # is done after what was left
    assert made == [16, 16]


def test_every_clip_and_every_batch_asks_whether_to_go_on(language_model, melody):
    class Ended(Exception):
        pass

    def check():
        asked.append(len(asked))
        if len(asked) == last:
            raise Ended

    waveform = np.tile(melody, 8)  # twenty clips; 39 windows in two batches
    for last in (1, 20, 21, 22):
        asked: list[int] = []
        with pytest.raises(Ended):
            surprise(language_model, waveform, check)
        assert len(asked) == last
    last, asked = 23, []
    surprise(language_model, waveform, check)
    assert len(asked) == 22


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (None, "is none: give the --out of `audiotag train`"),
        ({"source": "notes"}, "tokens of notes are made of notes, not of sound"),
        ({"checksum": "0" * 64}, "its weights have changed since: learn tokens again"),
    ],
    ids=["no run", "notes", "another tokenizer"],
)
def test_a_run_that_measures_no_surprise_is_one_line(change, why, language_model, tagger, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.save(tagger, tmp_path / "tones.keras")
    if change is not None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / run_folder.STUDENT).symlink_to(language_model.run / run_folder.STUDENT)
        replace(language_model.tokenizer, **change).write(tmp_path / "run" / run_folder.TOKENIZER)
    assert cli.run(app, ["serve", "--model", "tones.keras", "--surprise", "run", "--port", "0"]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1) and err.startswith("audiotag: ") and why in err


def test_the_command_serves_it(language_model, tagger, melody, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.save(tagger, tmp_path / "tones.keras")
    answers, lines = [], []

    def run(server, sockets):
        client = TestClient(server.config.app, base_url="http://localhost")
        answers.append(client.post("/surprise", content=wav(melody)).json())

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(progress, "say", lines.append)  # uvicorn closes the stream that pytest captures
    options = ["--model", "tones.keras", "--surprise", str(language_model.run), "--port", "0"]
    assert cli.run(app, ["serve", *options]) == 0
    assert len(answers[0]["bits"]) == 40
    assert lines[0].endswith(" shows tones and surprise by sounds; Ctrl-C ends it")
