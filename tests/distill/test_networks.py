"""Keras models that know nothing of audiotag, as files and as objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import soxr

from audiotag import distill, models, records, storage
from audiotag.errors import AudiotagError
from audiotag.frontend import log_mel, preset
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger

layers = keras.layers


def network(shape: tuple[int | None, ...], *ends: keras.layers.Layer) -> keras.Model:
    """Log-mel or waveforms to whatever the last layers give."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input(shape)
    x = layers.GlobalAveragePooling2D()(x) if len(shape) == 3 else layers.Rescaling(2.0)(x)
    for layer in ends or (layers.Dense(3),):
        x = layer(x)
    return keras.Model(inputs, x)


def log_mels(data: records.Data) -> dict[tuple[str, int], np.ndarray]:
    elements = data.read("all", keys=True).as_numpy_iterator()
    return {(clip_id.decode(), int(variant)): log_mel for log_mel, _, clip_id, variant in elements}


def test_a_keras_file_without_a_card_is_taken_to_fit_and_says_so(
    data: records.Data, tmp_path: Path, stored: Callable
) -> None:
    model = network((None, 16, 1))
    model.save(tmp_path / "plain.keras")
    folder = distill.teach(data, tmp_path / "plain.keras")
    logits = stored(folder, data)
    for key, features in log_mels(data).items():
        np.testing.assert_allclose(logits[key], np.asarray(model(features[None]))[0], atol=1e-5)
    assert storage.read_json(folder / "teacher.json")["notes"] == [
        "plain does not state its classes: taken for those of noises in their order",
        "plain does not state its front end: taken for the data set's, 'small'",
        "plain does not state what its outputs are: taken for logits, since of noise some values lie outside [0, 1]",
        "scores are the sigmoid of the outputs of plain, since noises is multilabel",
    ]


def test_a_keras_model_that_takes_waveforms_hears_every_view(
    audible: records.Data, stored: Callable, waveforms: Callable
) -> None:
    model = network((1600,))
    logits = stored(distill.teach(audible, model, name="ear", labels=["sea", "dog", "cat"]), audible)
    for key, waveform in waveforms(audible).items():
        sea, dog, _ = np.asarray(model(waveform[None].astype(np.float32)))[0]
        np.testing.assert_allclose(logits[key], [dog, np.nan, sea], atol=1e-5)


def test_a_whole_tagger_teaches_by_the_logits_of_its_network(
    data: records.Data, tmp_path: Path, stored: Callable
) -> None:
    inner = network((None, 16, 1))
    tagger = AudioTagger(inner, Labels(("sea", "dog", "rain")), data.front_end, seconds=0.2)
    tagger.save(tmp_path / "tagger.keras")
    by_file = stored(distill.teach(data, tmp_path / "tagger.keras"), data)
    by_object = stored(distill.teach(data, tagger, name="object"), data)
    for key, features in log_mels(data).items():
        sea, dog, rain = np.asarray(inner(features[None]))[0]
        np.testing.assert_allclose(by_file[key], [dog, rain, sea], atol=1e-5)
        np.testing.assert_array_equal(by_file[key], by_object[key])


@pytest.mark.parametrize(
    ("ends", "what"),
    [
        ([layers.Dense(3, activation="sigmoid")], "sigmoid"),
        ([layers.Dense(3), layers.Activation("softmax")], "softmax"),
        ([layers.Dense(3), layers.Softmax()], "softmax"),
    ],
)
def test_an_activation_at_the_end_is_left_out(
    data: records.Data, stored: Callable, ends: list[keras.layers.Layer], what: str
) -> None:
    model = network((None, 16, 1), *ends)
    folder = distill.teach(data, model, name="scores")
    undo = (lambda p: np.log(p / (1 - p))) if what == "sigmoid" else (lambda p: np.log(p) - np.log(p).mean())
    logits = stored(folder, data)
    for key, features in log_mels(data).items():
        row = logits[key] - (logits[key].mean() if what == "softmax" else 0)
        np.testing.assert_allclose(row, undo(np.asarray(model(features[None]), np.float64)[0]), atol=1e-4)
    assert any(f"the {what} at the end" in note for note in storage.read_json(folder / "teacher.json")["notes"])
    assert np.all(np.asarray(model(np.zeros((1, 8, 16, 1)))) < 1)  # the user's model is left as it was


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: network((None, 8, 1)), r"takes \(any, any, 8, 1\) and noises has 8 frames of 16 mels"),
        (lambda: network((9, 16, 1)), r"takes \(any, 9, 16, 1\) and noises has 8 frames of 16 mels"),
        (lambda: network((None, 16, 1), layers.Dense(5)), "has 5 outputs, noises has 3: .*--labels"),
        (lambda: network((None, 16, 1), layers.Dense(3), layers.Reshape((3, 1))), r"gives \(batch, classes\)"),
        (lambda: keras.Sequential([layers.LSTM(3)]), "has the input shape None: .*module:function"),
        (lambda: network((1600,)), "--keep-waveforms"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(data: records.Data, model: Callable[[], keras.Model], said: str) -> None:
    with pytest.raises(AudiotagError, match=said):
        distill.teach(data, model(), name="plain")
    assert data.teachers == []


def test_a_model_of_shorter_waveforms_is_given_windows_whose_outputs_are_averaged(
    audible: records.Data, stored: Callable, waveforms: Callable
) -> None:
    model = network((800,))
    folder = distill.teach(audible, model, name="short")
    logits = stored(folder, audible)
    for key, waveform in waveforms(audible).items():
        windows = np.asarray(model(waveform.reshape(2, 800).astype(np.float32)))
        np.testing.assert_allclose(logits[key], windows.mean(axis=0), atol=1e-5)
    assert "the outputs of a clip's windows are averaged" in storage.read_json(folder / "teacher.json")["notes"][-1]


def test_labels_of_a_model_that_states_its_own_are_refused(
    data: records.Data, teacher_file: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(AudiotagError, match="teacher states it itself: leave it out"):
        distill.teach(data, teacher_file(), labels=["dog", "rain", "sea"])
    with pytest.raises(AudiotagError, match="has 3 outputs, its labels are 2"):
        distill.teach(data, network((None, 16, 1)), name="plain", labels=["dog", "rain"])
    with pytest.raises(AudiotagError, match=r"no such file: .*gone\.csv"):
        distill.teach(data, network((None, 16, 1)), name="plain", labels=tmp_path / "gone.csv")


def test_a_file_that_is_no_model_is_refused(data: records.Data, tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("hello", encoding="utf-8")
    with pytest.raises(AudiotagError, match=r"text\.keras is not a \.keras file"):
        distill.teach(data, tmp_path / "text.keras")
    model = network((None, 16, 1), layers.Lambda(lambda x: x[:, :3]))
    model.save(tmp_path / "code.keras")
    with pytest.raises(AudiotagError, match=r"code\.keras cannot be opened"):
        distill.teach(data, tmp_path / "code.keras")


def test_a_published_network_hears_its_own_rate_and_speaks_the_data_set_s_classes(
    audible: records.Data,
    shared: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    stored: Callable,
    waveforms: Callable,
    tmp_path: Path,
) -> None:
    """mn04_as takes 32 kHz and names 527 sounds: dog and rain among them, and by table the sea."""
    checkpoint = shared("weights/mn04_as_mAP_432.pt")
    monkeypatch.setenv(storage.CACHE_VARIABLE, str(checkpoint.parent))
    (tmp_path / "map.csv").write_text('teacher,data\n/m/05kq4,sea\n"Waves, surf",sea\n', encoding="utf-8")
    logits = stored(distill.teach(audible, "mn04_as", label_map=tmp_path / "map.csv"), audible)
    model, names = models.build("mn04", classes=527, weights=checkpoint), models.audioset_labels().names
    dog, rain, waves, ocean = (names.index(name) for name in ("Dog", "Rain", "Waves, surf", "Ocean"))
    for key, waveform in list(waveforms(audible).items())[:5]:
        features = log_mel(soxr.resample(waveform.astype("f"), 8000, 32_000), preset("efficientat"))
        row = np.asarray(model(features[None, :, :, None]))[0]
        np.testing.assert_allclose(logits[key], [row[dog], row[rain], max(row[waves], row[ocean])], atol=1e-3)
