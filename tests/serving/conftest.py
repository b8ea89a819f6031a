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


def wav(waveform: np.ndarray, rate: int = RATE, **about: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, **({"format": "WAV", "subtype": "FLOAT"} | about))
    return file.getvalue()


@pytest.fixture(scope="session")
def melody() -> np.ndarray:
    """A second of silence, of "low", and of "high", which fade in and out: a click sounds like everything."""
    fade = np.minimum(np.arange(RATE) / 400, 1)
    return np.concatenate([tone(""), *(tone(name) * fade * fade[::-1] for name in ("low", "high"))]).astype(np.float32)


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

    def make(folder: Path, *models: Any, collection: Any = None, **limits: Any) -> Service:
        bounds = Limits(**limits)
        (folder / "uploads").mkdir()
        models = {each.name: Served(each, bounds) for each in models or (scorer,)}
        corrections = Corrections(folder / "corrections")
        return Service(models, Uploads(folder / "uploads", bounds), corrections, collection, bounds)

    return make


@pytest.fixture
def client(make_service: Callable[..., Any], tmp_path: Path, collection: Any) -> Any:
    """A client of the application; one megabyte and a tenth of a minute are the limits."""
    from fastapi.testclient import TestClient

    from audiotag.serving.app import application

    service = make_service(tmp_path, collection=collection, megabytes=1.0, minutes=0.1, windows=50)
    return TestClient(application(service), base_url="http://localhost", raise_server_exceptions=False)
