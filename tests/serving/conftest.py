"""A tagger of tones that keeps time, what it is served by, and sounds as bytes of files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.small_data import FRONT_END, NAMES, RATE

HOSTILE = 'rain; <i onclick="hurt()">"heavy"</i>'
PITCHES = {"low": 300.0, "middle": 750.0, "high": 1875.0}


def tone(name: str, seconds: float = 1.0) -> np.ndarray:
    """A tone of a class with faint noise, or silence of "": (samples,), float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(time))
    return (noise + (0.3 * np.sin(2 * np.pi * PITCHES[name] * time) if name else 0)).astype(np.float32)


def faded(name: str, seconds: float = 1.0) -> np.ndarray:
    """A tone that fades in and out: a click sounds like everything."""
    waveform = tone(name, seconds)
    fade = np.minimum(np.arange(len(waveform)) / 400, 1)
    return (waveform * fade * fade[::-1]).astype(np.float32)


def wav(waveform: np.ndarray, rate: int = RATE, **about: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, **({"format": "WAV", "subtype": "FLOAT"} | about))
    return file.getvalue()


@pytest.fixture(scope="session")
def melody() -> np.ndarray:
    """A second of silence, of "low", and of "high"."""
    return np.concatenate([tone(""), faded("low"), faded("high")])


@pytest.fixture(scope="session")
def two_changes() -> np.ndarray:
    """24 tokens of silence, 32 of "low" and 16 of "high", of 75 ms each."""
    return np.concatenate([tone("", 1.8), faded("low", 2.4), faded("high", 1.2)])


@pytest.fixture(scope="session")
def tagger() -> Any:
    """Says 0.99 of a frame of its tone and 0.01 of any other; the class that nothing sounds like, 0.01."""
    import keras

    from audiotag.frontend import log_mel
    from audiotag.labels import Labels
    from audiotag.tagging import AudioTagger

    means = np.stack([log_mel(tone(name), FRONT_END).mean(axis=0) for name in (*NAMES, "")])
    wanted = np.log(99.0) * (2 * np.eye(4)[:, :4] - 1)
    wanted[:, 3] = -np.log(99.0)  # silence is no class
    weights = np.linalg.lstsq(np.hstack([means, np.ones((4, 1))]), wanted, rcond=None)[0]
    inputs = keras.Input((None, FRONT_END.mels, 1))
    steps = keras.layers.Dense(4, name="frame_logits")(keras.layers.Reshape((-1, FRONT_END.mels), name="rows")(inputs))
    network = keras.Model(inputs, keras.layers.GlobalMaxPooling1D()(steps), name="tones")
    network.get_layer("frame_logits").set_weights([weights[:-1].astype("f4"), weights[-1].astype("f4")])
    return AudioTagger(network, Labels((*NAMES, HOSTILE)), FRONT_END, seconds=1.0)


@pytest.fixture(scope="session")
def scorer(tagger: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from audiotag import models, scorers

    return scorers.open_model(models.save(tagger, tmp_path_factory.mktemp("served") / "tones.keras"))


@pytest.fixture(scope="session")
def collection(scorer: Any, data: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from audiotag.serving.limits import Limits
    from audiotag.serving.served import Served
    from audiotag.serving.similar import collect

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIOTAG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield collect(str(data.path), Served(scorer, Limits()))


@pytest.fixture(scope="session")
def make_service(scorer: Any) -> Callable[..., Any]:
    """What is served, in a folder: `service(folder, megabytes=1)`."""
    from audiotag.serving.corrections import Corrections
    from audiotag.serving.limits import Limits
    from audiotag.serving.served import Served
    from audiotag.serving.service import Service
    from audiotag.serving.uploads import Uploads

    def make(folder: Path, *models: Any, collection: Any = None, language_model: Any = None, **limits: Any) -> Service:
        bounds = Limits(**limits)
        (folder / "uploads").mkdir()
        models = {each.name: Served(each, bounds) for each in models or (scorer,)}
        corrections = Corrections(folder / "corrections")
        return Service(models, Uploads(folder / "uploads", bounds), corrections, collection, language_model, bounds)

    return make


@pytest.fixture
def client(make_service: Callable[..., Any], tmp_path: Path, collection: Any) -> Any:
    """A client of the application; one megabyte and a tenth of a minute are the limits."""
    from fastapi.testclient import TestClient

    from audiotag.serving.app import application

    service = make_service(tmp_path, collection=collection, megabytes=1.0, minutes=0.1, windows=50)
    return TestClient(application(service), base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="session")
def language_model(melody: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One of the melody's three sounds, by hand: 0.94 that one goes on, 0.03 of each other; all alike at first."""
    from audiotag import models, run_folder, tokens
    from audiotag.clip_format import ClipFormat
    from audiotag.frontend import log_mel
    from audiotag.labels import Labels
    from audiotag.tokens.tokenizer import learn
    from audiotag.tokens.vectors import StepVectors

    made = StepVectors(FRONT_END, 12.5)
    vectors = made(log_mel(melody, FRONT_END)[None, ..., None])[0]
    tokenizer = learn(vectors, 3, 0, made, ClipFormat(Labels(("any",)), FRONT_END, "multiclass", 1.2))
    network = models.build("decoder", classes=3, width=8, depth=1, heads=2)
    for layer in network.layers:  # what comes before the last token changes nothing
        if layer.name.endswith("_output"):
            layer.set_weights([np.zeros_like(each) for each in layer.get_weights()])
    network.get_layer("embedding").set_weights([np.eye(4, 8)])
    follows = np.zeros((8, 3))
    follows[:3] = np.log(0.03) + np.log(0.94 / 0.03) * np.eye(3)
    network.get_layer("logits").set_weights([follows / np.sqrt(8), np.zeros(3)])  # a normalised step has length √8
    run = tmp_path_factory.mktemp("runs") / "sounds"
    models.save(network, run / run_folder.STUDENT, models.ModelCard("sounds", tokenizer.clip_format))
    tokenizer.write(run / run_folder.TOKENIZER)
    return tokens.open_model(run)
