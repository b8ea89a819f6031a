"""The API: its answers are those of the library, what cannot be served is refused with one reason."""

from __future__ import annotations

import asyncio
import base64
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from audiotag import audio, frontend, models, scorers
from audiotag.tagging.event_decoding import EventDecoding
from tests.serving.conftest import HOSTILE, tone, wav
from tests.small_data import FRONT_END, NAMES, RATE


@pytest.fixture(scope="session")
def file(melody, tmp_path_factory):
    """The melody as a file, for the library."""
    path = tmp_path_factory.mktemp("melody") / "melody.wav"
    path.write_bytes(wav(melody))
    return path


def reason(answer, status):
    """The one reason of a refusal."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_tags_are_those_of_the_tagger(client, tagger, file):
    answer = client.post("/tag", content=file.read_bytes(), params={"top": 3, "window": 1.0, "hop": 0.5}).json()
    assert answer["seconds"] == 3.0 and answer["notes"] == []
    assert answer["starts"] == [0.0, 0.5, 1.0, 1.5, 2.0] and answer["ends"] == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert set(answer["labels"][:2]) == {"low", "high"} and len(answer["labels"]) == 3
    assert answer["thresholds"] == [0.25] * 3
    _, expected = tagger.scores(file, window=1.0, hop=0.5)
    columns = [tagger.labels.index(name) for name in answer["labels"]]
    np.testing.assert_allclose(answer["scores"], expected[:, columns], atol=1e-4)


def test_a_recording_is_named_once_it_was_sent(client, file):
    sent = client.post("/tag", content=file.read_bytes(), params={"label": ["high", HOSTILE]}).json()
    named = client.post("/tag", params={"label": ["high", HOSTILE], "sound": sent["sound"]}).json()
    assert named == sent and named["labels"] == ["high", HOSTILE]


def test_the_thresholds_of_steps_are_those_that_were_chosen_for_them(make_service, tagger, file, tmp_path):
    from fastapi.testclient import TestClient

    from audiotag.serving.app import application

    decoding = EventDecoding((0.3, 0.6, 0.7, 0.25), (0.0,) * 4, "validation")
    chosen = type(tagger)(tagger.network, **vars(tagger.clip_format), step_decoding=decoding)
    scorer = scorers.open_model(models.save(chosen, tmp_path / "chosen.keras"))
    client = TestClient(application(make_service(tmp_path, scorer)), base_url="http://localhost")
    answer = client.post("/tag", content=file.read_bytes(), params={"label": NAMES, "steps": True}).json()
    assert answer["thresholds"] == pytest.approx([0.3, 0.6, 0.7])


def test_steps_and_events_are_where_the_tones_are(client, tagger, file):
    steps = client.post("/tag", content=file.read_bytes(), params={"label": NAMES, "steps": True}).json()
    heard = {
        name: np.array(column) > 0.5 for name, column in zip(NAMES, zip(*steps["scores"], strict=True), strict=True)
    }
    middles = (np.array(steps["starts"]) + steps["ends"]) / 2
    inner = np.abs(middles[:, None] - [1, 2]).min(axis=1) > 0.05
    np.testing.assert_array_equal(heard["low"][inner], ((middles > 1) & (middles < 2))[inner])
    assert not heard["middle"][inner].any()
    answer = client.post("/events", params={"sound": steps["sound"], "threshold": 0.5}).json()
    expected = tagger.events(file, threshold=0.5)
    assert [each["label"] for each in answer["events"]] == ["low", "high"]
    for each, event in zip(answer["events"], expected, strict=True):
        assert (each["onset"], each["offset"]) == (event.start, event.end)
    np.testing.assert_allclose([each["onset"] for each in answer["events"]], [1, 2], atol=0.05)


def test_an_embedding_is_the_tagger_s(client, tagger, file):
    answer = client.post("/embed", content=file.read_bytes()).json()
    np.testing.assert_allclose(answer["embedding"], tagger.embed(file), rtol=1e-4, atol=1e-4)


def test_a_picture_is_of_the_model_s_own_log_mel(client, melody):
    answer = client.post("/picture", content=wav(melody)).json()
    frames = frontend.log_mel(melody, FRONT_END)
    shades = np.frombuffer(base64.b64decode(answer["log_mel"]), np.uint8).reshape(answer["mels"], answer["columns"])
    assert shades.shape == frames.T.shape and (answer["lowest"], answer["highest"]) == (0, 4000)
    assert np.corrcoef(shades.T.ravel(), np.clip(frames, *np.percentile(frames, (1, 99.8))).ravel())[0, 1] > 0.999
    assert len(answer["peaks"]) == 1600 and max(answer["peaks"][:500]) < 0.01 < 0.25 < min(answer["peaks"][600:1000])


def test_the_nearest_clips_are_those_of_the_smallest_angle_and_can_be_played(client, tagger, data, sounds):
    answer = client.post("/similar", content=wav(tone("middle", 0.25)), params={"top": 5}).json()["clips"]
    assert [each["labels"] for each in answer[:4]] == [["middle"]] * 4
    vectors = {clip: tagger.embed(sounds / f"{clip[4:]}.wav") for clip in data.clips["clip_id"]}
    own = tagger.embed(tone("middle", 0.25))
    cosine = {clip: vector @ own / np.linalg.norm(vector) / np.linalg.norm(own) for clip, vector in vectors.items()}
    assert [each["clip_id"] for each in answer] == sorted(cosine, key=cosine.get, reverse=True)[:5]
    np.testing.assert_allclose([each["similarity"] for each in answer], sorted(cosine.values())[:-6:-1], atol=1e-4)
    played, rate = soundfile.read(io.BytesIO(client.get(f"/clips/{answer[0]['number']}").content))
    number = answer[0]["clip_id"][4:]
    assert rate == RATE
    np.testing.assert_allclose(played, audio.read(sounds / f"{number}.wav", RATE), atol=1 / 32768)


def test_a_part_of_a_recording_is_searched_for(client, melody):
    part = client.post("/similar", content=wav(melody), params={"top": 1, "start": 2, "end": 3}).json()
    assert part["clips"][0]["labels"] == ["high"]
    for start, end in ((2, 1), (-1, 2), (1, 9), (5, None), ("nan", 2)):
        fields = {"sound": part["sound"], "start": start} | ({} if end is None else {"end": end})
        assert "a part lies in its recording of 3 s" in reason(client.post("/similar", params=fields), 422)


def test_embeddings_of_a_data_set_are_computed_once(scorer, data, collection, monkeypatch):
    from audiotag.serving.limits import Limits
    from audiotag.serving.served import Served
    from audiotag.serving.similar import collect

    monkeypatch.setattr(Served, "vector", None)
    again = collect(str(data.path), Served(scorer, Limits()))
    assert again.clip_ids == collection.clip_ids and len(again.clip_ids) == 12
    np.testing.assert_array_equal(again.vectors, collection.vectors)


def test_a_recording_that_no_browser_plays_is_given_as_wav(client, melody):
    sent = client.post("/tag", content=wav(melody, format="AIFF", subtype="PCM_24")).json()
    answer = client.get(f"/sounds/{sent['sound']}")
    assert answer.headers["content-type"] == "audio/wav"
    played, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == RATE
    np.testing.assert_allclose(played, melody, atol=1 / 32768)


def test_what_should_be_known_of_a_recording_is_said(client):
    notes = client.post("/tag", content=wav(tone("low")[:1000], 4000)).json()["notes"]
    assert notes == ["recordings at 4 kHz have nothing above 2 kHz to hear, where 4 kHz could be"]


SILENCE = wav(np.zeros(400 * RATE, np.int16), format="FLAC", subtype="PCM_16")  # 400 s in some kilobytes
NOTHING = wav(np.full(RATE, np.nan, np.float32))


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "the body must be a sound file, received nothing"),
        (b"\0" * 1_000_001, 413, "an upload has at most 1 MB"),
        (b"#EXTM3U\n/etc/passwd\n", 422, "the recording is not audio that can be read"),
        (b"RIFF", 422, "the recording is"),
        (NOTHING, 422, "the recording holds NaN"),
        (SILENCE, 413, "a recording has at most 0.1 minutes"),
        (wav(np.zeros((RATE, 2), np.int16)[:0], format="WAV", subtype="PCM_16"), 422, "the recording holds no samples"),
    ],
    ids=["empty", "large", "playlist", "header alone", "NaN", "bomb", "no samples"],
)
def test_what_is_no_recording_is_refused(client, body, status, why):
    for path in ("/tag", "/events", "/embed", "/picture", "/similar"):
        assert why in reason(client.post(path, content=body), status)


def test_a_bomb_is_left_before_it_is_decoded(client, monkeypatch):
    """Whose header does not say how long it is; of two channels, of which the louder is looked for."""
    info, stream, decoded = audio.info, audio.stream, []
    monkeypatch.setattr(audio, "info", lambda path: replace(info(path), samples=None, seconds=None))
    monkeypatch.setattr(
        audio, "stream", lambda *arguments: (decoded.append(len(block)) or block for block in stream(*arguments))
    )
    monkeypatch.setattr("audiotag.audio.channels._powers", lambda *_: decoded.append(400 * RATE))
    body = wav(np.zeros((400 * RATE, 2), np.int16), format="FLAC", subtype="PCM_16")
    assert "at most 0.1 minutes" in reason(client.post("/tag", content=body), 413)
    assert sum(decoded) < 100 * RATE


@pytest.mark.parametrize(
    ("path", "fields", "status", "why"),
    [
        ("/tag", {"model": "tonse"}, 404, "no model is named 'tonse': did you mean 'tones'?"),
        ("/tag", {"label": "lwo"}, 422, "no class is named 'lwo': did you mean 'low'?"),
        ("/tag", {"window": -1}, 422, "a window has more than 0 and at most 60 s, received -1"),
        ("/tag", {"window": "nan"}, 422, "a window has more than 0"),
        ("/tag", {"window": 1e9}, 422, "a window has more than 0 and at most 60 s, received 1e+09"),
        ("/tag", {"window": 1e-9, "hop": 1}, 422, "samples"),
        ("/tag", {"hop": 0}, 422, "the hop is a positive number of seconds"),
        ("/tag", {"hop": 1e-3}, 422, "at most 50 windows, received 2000"),
        ("/tag", {"hop": 1, "steps": True}, 422, "steps have no window"),
        ("/tag", {"top": 0}, 422, "top: "),
        ("/tag", {"sound": "0" * 64}, 400, "received both"),
        ("/events", {"threshold": 2}, 422, "threshold must be a score from 0 to 1"),
        ("/events", {"gap": "inf"}, 422, "gap must be seconds"),
        ("/nowhere", {}, 404, "Not Found"),
    ],
)
def test_what_cannot_be_asked_is_refused(client, melody, path, fields, status, why):
    assert why in reason(client.post(path, content=wav(melody), params=fields), status)


def test_no_file_of_the_machine_can_be_had(client, file):
    """Ids are hashes of what was sent, clips are numbers, files of the page are a list."""
    for path in (
        "/sounds/../../etc/passwd",
        "/sounds/%2e%2e%2fpyproject.toml",
        f"/sounds/{'0' * 64}",
        "/clips/99",
        "/x",
    ):
        reason(client.get(path), 404)
    for name in (str(file), "../melody.wav", "", ".", "*"):
        reason(client.post("/tag", params={"sound": name}), 404)
    for number in ("-1", "1e3", "x"):
        assert client.get(f"/clips/{number}").status_code in (404, 422)
    assert client.get("/page.css").headers["content-type"].startswith("text/css")
    assert client.get("/app.py").status_code == 404


def test_a_clip_whose_recording_is_gone_is_not_found(make_service, collection, tmp_path):
    from fastapi.testclient import TestClient

    from audiotag.errors import AudiotagError
    from audiotag.serving.app import application

    def read(clip_id):
        raise AudiotagError(f"{clip_id} cannot be read again from {tmp_path}")

    service = make_service(tmp_path, collection=replace(collection, read=read))
    why = reason(TestClient(application(service), base_url="http://localhost").get("/clips/1"), 404)
    assert "clip 1 cannot be read any more" in why and str(tmp_path) not in why


def test_what_takes_too_long_is_left(make_service, melody, tmp_path):
    from fastapi.testclient import TestClient

    from audiotag.serving.app import application

    client = TestClient(application(make_service(tmp_path, computing=0.0)), base_url="http://localhost")
    assert "the work takes longer than 0 s" in reason(client.post("/tag", content=wav(melody)), 413)


def test_an_upload_that_takes_too_long_is_left(tmp_path):
    from audiotag.serving.limits import Limits, Refusal
    from audiotag.serving.uploads import Uploads

    async def pieces():
        yield b"RIFF"
        await asyncio.sleep(20)

    async def receive():
        async with Uploads(tmp_path, Limits(receiving=0.05)).held(SimpleNamespace(headers={}, stream=pieces)):
            pass

    with pytest.raises(Refusal, match=r"the upload took longer than 0\.05 s") as raised:
        asyncio.run(receive())
    assert raised.value.status == 408 and list(tmp_path.iterdir()) == []


def test_uploads_leave_when_there_is_no_room(make_service, tmp_path):
    from fastapi.testclient import TestClient

    from audiotag.serving.app import application

    service = make_service(tmp_path, kept=0.05)
    client = TestClient(application(service), base_url="http://localhost")
    first, second = (client.post("/tag", content=wav(tone(name))).json()["sound"] for name in ("low", "high"))
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [second]
    assert "send it again" in reason(client.post("/tag", params={"sound": first}), 404)
    assert client.post("/tag", params={"sound": second}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "192.168.0.7"}, 200),
        ({"host": "evil.example:8000"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:1234"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_pages_of_other_sites_are_refused(client, melody, headers, status):
    answer = client.post("/tag", content=wav(melody), headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def test_what_is_served_says_what_it_can_do(client):
    served = client.get("/models").json()
    (model,) = served["models"]
    assert (model["name"], model["labels"]) == ("tones", [*NAMES, HOSTILE])
    assert (model["sample_rate"], model["window"], model["step"], model["task"]) == (RATE, 1.0, 0.025, "multilabel")
    assert model["can"] == ["tag", "steps", "events", "embed", "similar"]
    assert (served["clips"], served["data"], served["megabytes"]) == (12, "tones", 1.0)
    assert client.get("/health").json()["status"] == "ok"


def test_a_model_of_waveforms_is_served_without_time_and_embeddings(make_service, scorer, tmp_path, melody):
    from fastapi.testclient import TestClient

    from audiotag.labels import Labels
    from audiotag.scorers import Scorer
    from audiotag.scorers.inputs import WaveformInput
    from audiotag.serving.app import application
    from audiotag.task import Task

    def run(waveforms):
        loud = np.abs(waveforms).max(axis=1, keepdims=True) > 0.1
        return np.hstack([loud, ~loud]).astype(float)

    about = {"labels": Labels(("loud", "quiet")), "task": Task("multiclass"), "outputs": "scores", "seconds": 1.0}
    loudness = Scorer(
        "loudness", "function", tmp_path, WaveformInput(RATE), run, thresholds=np.array([0.4, 0.6]), **about
    )
    client = TestClient(application(make_service(tmp_path, loudness, scorer)), base_url="http://localhost")
    answer = client.post("/tag", content=wav(melody), params={"label": ["quiet", "loud"]}).json()
    assert answer["scores"] == [[1, 0], [0, 1], [0, 1]] and answer["thresholds"] == [0.6, 0.4]
    assert [model["can"] for model in client.get("/models").json()["models"]] == [
        ["tag"],
        ["tag", "steps", "events", "embed"],
    ]
    for path, fields in (("/events", {}), ("/tag", {"steps": True}), ("/embed", {})):
        assert "loudness" in reason(client.post(path, params=fields | {"sound": answer["sound"]}), 422)
    assert "no data set is searched" in reason(client.post("/similar", params={"sound": answer["sound"]}), 404)
    picture = client.post("/picture", params={"sound": answer["sound"]}).json()
    assert picture["mels"] == 128  # the usual log-mel
    by_name = client.post("/tag", params={"sound": answer["sound"], "model": "tones"}).json()
    assert (by_name["model"], set(by_name["labels"][:2])) == ("tones", {"low", "high"})
