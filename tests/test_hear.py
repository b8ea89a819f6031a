"""HEAR's common API, checked as its validator does, on TensorFlow and on PyTorch."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import hear, models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudioError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

# Every length of sound would be traced anew.
pytestmark = pytest.mark.usefixtures("eager")

RATE = 16_000
FRONT_END = LogMelConfig(name="small", sample_rate=RATE, window=400, hop=160, fft=512, mels=32, fmax=8000.0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose embedding depends on all of its input; small, since its hundreds of runs are not compiled."""
    keras.utils.set_random_seed(2)
    log_mel = keras.Input((None, FRONT_END.mels, 1))
    maps = keras.layers.Conv2D(12, 3, strides=2, activation="silu")(log_mel)
    features = keras.layers.GlobalAveragePooling2D(name="features")(maps)
    network = keras.Model(log_mel, keras.layers.Dense(3, name="logits")(features), name="small")
    card = models.ModelCard("small", ClipFormat(Labels(("a", "b", "c")), FRONT_END, "multilabel", 1.0))
    return models.save(network, tmp_path_factory.mktemp("network") / "small.keras", card)


@pytest.fixture(scope="module")
def model(path: Path) -> hear.Model:
    return hear.load_model(str(path))


def sounds(seconds: float, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.5, 0.5, (count, round(seconds * RATE))).astype(np.float32)


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def validated(path: Path, backend: str) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings over time and of scenes, with all that the validator asks of them."""
    if backend == "torch":
        import torch

        as_tensor, module, float32 = torch.from_numpy, torch.nn.Module, torch.float32
    else:
        import tensorflow as tf

        as_tensor, module, float32 = tf.constant, tf.Module, tf.float32
    model = hear.load_model(str(path))
    assert isinstance(model, module)
    assert model.sample_rate in (16000, 22050, 32000, 44100, 48000)
    assert isinstance(model.scene_embedding_size, int) and isinstance(model.timestamp_embedding_size, int)
    if backend == "torch":
        model.to("cpu")
    generator = np.random.default_rng(0)
    for seconds in (1.07, 1.98, 4.0):
        audio = generator.uniform(-1, 1, (2, int(seconds * model.sample_rate))).astype(np.float32)
        embeddings, timestamps = hear.get_timestamp_embeddings(as_tensor(audio), model)
        assert embeddings.dtype == float32
        embeddings, timestamps = embeddings.numpy(), timestamps.numpy()
        assert embeddings.shape == (*timestamps.shape, model.timestamp_embedding_size) and len(embeddings) == 2
        steps = np.diff(timestamps)
        assert steps.max() <= 50.01 and np.abs(steps - steps.mean()).max() < 1e-2
        assert timestamps.min() <= steps.mean()
        assert 1000 * seconds - 50 <= timestamps.max() <= 1000 * seconds
        assert (timestamps[0] == timestamps[1]).all()
    audio = generator.uniform(-1, 1, (4, int(2.74 * model.sample_rate))).astype(np.float32)
    scenes = hear.get_scene_embeddings(as_tensor(audio), model)
    assert scenes.dtype == float32 and scenes.shape == (4, model.scene_embedding_size)
    return embeddings, scenes.numpy()


def test_what_the_validator_asks_holds_on_tensorflow_and_on_pytorch(kept_process, path):
    results = [kept_process(backend).call(validated, path, backend) for backend in ("tensorflow", "torch")]
    for tensorflow, torch in zip(*results, strict=True):
        np.testing.assert_allclose(torch, tensorflow, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.6])
def test_a_scene_is_what_the_tagger_embeds(model, seconds):
    audio = sounds(seconds, count=3)
    scenes = array(hear.get_scene_embeddings(audio, model))
    np.testing.assert_allclose(scenes, [model.tagger.embed(sound) for sound in audio], atol=1e-5)


def test_a_timestamp_is_the_window_around_it(model):
    audio = sounds(0.5)
    embeddings, timestamps = map(array, hear.get_timestamp_embeddings(audio, model))
    np.testing.assert_allclose(timestamps, [np.arange(0, 501, 50)] * 2)
    half = round(0.08 * RATE)
    for number, moment in enumerate(timestamps[0]):
        centre = round(moment / 1000 * RATE)
        # NumPy counts negative indices from the end: mirroring needs only their absolute value.
        window = np.abs(np.arange(centre - half, centre + half))
        window = np.where(window >= audio.shape[1], 2 * (audio.shape[1] - 1) - window, window)
        expected = model.tagger.embed(audio[1][window], window=0.16)
        np.testing.assert_allclose(embeddings[1, number], expected, atol=1e-4)


def test_moments_do_not_drift_where_the_hop_is_no_whole_number_of_samples(path, monkeypatch):
    rate = 22_050  # 50 ms are 1102.5 samples
    front_end = LogMelConfig(name="odd", sample_rate=rate, window=400, hop=220, fft=512, mels=32, fmax=8000.0)
    tagger = hear.load(path)
    odd = hear.Model(hear.AudioTagger(tagger.network, tagger.labels, front_end, seconds=1.0))
    taken = []
    monkeypatch.setattr(hear, "_embedded", lambda rows, model: taken.extend(rows) or np.zeros((len(taken), 12)))
    monkeypatch.setattr(odd, "timestamp_embedding_size", 12)
    ramp = np.arange(10 * rate, dtype=np.float32)[None] / (10 * rate)
    _, timestamps = hear.get_timestamp_embeddings(ramp, odd)
    centres = [1000 * row[len(row) // 2] * 10 for row in taken]
    np.testing.assert_allclose(centres[2:-2], array(timestamps)[0][2:-2], atol=0.05)


def test_many_windows_are_embedded_in_bounded_batches_with_the_same_result(model, monkeypatch):
    audio = sounds(1.3, count=3)
    whole = [array(hear.get_scene_embeddings(audio, model)), array(hear.get_timestamp_embeddings(audio, model)[0])]
    monkeypatch.setattr(hear, "SECONDS_A_BATCH", 1.6)
    sizes = []
    predict = model.network.predict_on_batch

    def watched(batch):
        sizes.append(batch.shape)
        return predict(batch)

    monkeypatch.setattr(model.network, "predict_on_batch", watched)
    parts = [array(hear.get_scene_embeddings(audio, model)), array(hear.get_timestamp_embeddings(audio, model)[0])]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert len(sizes) > 6
    assert max(rows * samples for rows, samples in sizes) <= 2.6 * RATE


@pytest.mark.parametrize(("frames", "kernel", "taken"), [(FRONT_END.frames(RATE), 3, 100), (None, 50, 50)])
def test_a_network_that_needs_more_than_a_short_window_is_given_it(frames, kernel, taken):
    log_mel = keras.Input((frames, 32, 1))
    maps = keras.layers.Conv2D(4, (kernel, 3))(log_mel)
    features = keras.layers.GlobalAveragePooling2D(name="features")(maps)
    network = keras.Model(log_mel, keras.layers.Dense(3, name="logits")(features))
    tagger = hear.AudioTagger(network, Labels(("a", "b", "c")), FRONT_END, seconds=1.0)
    embeddings, timestamps = map(array, hear.get_timestamp_embeddings(sounds(0.7), hear.Model(tagger)))
    assert embeddings.shape == (2, 15, 4)
    assert timestamps[0, -1] == 700
    assert FRONT_END.frames(hear._timestamp_window(tagger)) == taken


def test_without_a_path_the_model_is_mn10(monkeypatch, model):
    asked = []
    monkeypatch.setattr(hear, "load", lambda name: asked.append(name) or model.tagger)
    assert hear.load_model().tagger is model.tagger
    hear.load_model("mn04_as")
    assert asked == ["mn10_as", "mn04_as"]


@pytest.mark.parametrize("audio", [np.zeros(RATE), np.zeros((0, RATE)), np.zeros((1, 0)), np.zeros((1, 1, RATE))])
def test_sounds_of_another_shape_are_refused(model, audio):
    for function in (hear.get_scene_embeddings, hear.get_timestamp_embeddings):
        with pytest.raises(AudioError, match=r"\(sounds, samples\).*received shape"):
            function(audio, model)
