"""Model files: the card goes along, plain Keras is not disturbed, and nothing in a file is executed."""

from __future__ import annotations

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return models.build("passt", classes=3, mels=32, frames=50, width=8, depth=1, heads=2)


@pytest.fixture(scope="module")
def card() -> models.ModelCard:
    labels = Labels(('dog, "big"', "regen / Œuvre", "🐓"), ("a", "b", "c"))
    front_end = LogMelConfig(name="small", mels=32, fmax=12_000)
    return models.ModelCard("student", ClipFormat(labels, front_end, "multiclass", 5.0, "zero"), "esc10", "f" * 64)


def test_a_saved_model_and_its_card_come_back(tmp_path, model, card):
    path = models.save(model, tmp_path / "new" / "student.keras", card)
    opened, read = models.load(path)
    assert read == card == models.card(path)
    spectrograms = np.random.default_rng(0).normal(size=(1, 40, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(opened(spectrograms), model(spectrograms), atol=1e-6)
    assert [file.name for file in path.parent.iterdir()] == ["student.keras"]


def test_what_later_versions_of_keras_added_is_left_out_where_it_is_off(tmp_path, card):
    inputs = keras.Input((None, 32, 1))
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.VarianceScaling(2.0))(inputs)
    x = keras.layers.BatchNormalization(epsilon=1e-4, momentum=0.9, name="normalization")(x)
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.ops.clip(x, 0, 1)))
    path = models.save(network, tmp_path / "student.keras", card)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    for option in ("input_axes", "quantization_config", "renorm", "optional"):
        assert option not in config
    layers = {each["class_name"]: each["config"] for each in json.loads(config)["config"]["layers"]}
    kept = {"epsilon": 1e-4, "momentum": 0.9, "scale": True, "center": True, "name": "normalization"}
    assert {name: layers["BatchNormalization"][name] for name in kept} == kept
    assert layers["Clip"] == {"x_min": 0, "x_max": 1}


def test_saving_again_replaces_the_file_whole(tmp_path, model, card):
    path = tmp_path / "student.keras"
    path.write_bytes(b"old")
    models.save(model, path, card)
    assert models.card(path) == card


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, model, card, monkeypatch):
    path = models.save(model, tmp_path / "student.keras", card)
    before = path.read_bytes()

    def full_disk(self, name, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
    with pytest.raises(AudiotagError, match="No space left on device"):
        models.save(model, path, card)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_without_a_card_says_so(tmp_path, model):
    model.save(tmp_path / "bare.keras")
    with pytest.raises(AudiotagError, match="has no model card"):
        models.load(tmp_path / "bare.keras")


def test_a_file_that_is_no_model_is_one_line_of_error(tmp_path, model, card):
    path = models.save(model, tmp_path / "student.keras", card)
    text, cut, empty = tmp_path / "text.keras", tmp_path / "cut.keras", tmp_path / "empty.keras"
    text.write_text("no model")
    cut.write_bytes(path.read_bytes()[:-2000])
    zipfile.ZipFile(empty, "w").close()
    for bad in (text, cut, empty, tmp_path / "none.keras", tmp_path):
        with pytest.raises(AudiotagError) as raised:
            models.load(bad)
        assert "\n" not in str(raised.value)
    with pytest.raises(AudiotagError, match=r"ends in \.keras, received 'student\.h5'"):
        models.save(model, tmp_path / "student.h5", card)


def test_code_inside_a_model_file_is_refused(tmp_path, card):
    entry = keras.Input((4,))
    evil = keras.Model(entry, keras.layers.Lambda(lambda x: x + 1)(entry))
    path = models.save(evil, tmp_path / "evil.keras", card)
    with pytest.raises(AudiotagError, match="cannot be opened as a Keras model"):
        models.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "multi"}, "must be multiclass, multilabel, notes, speech or tokens, received 'multi'"),
        ({"pad": "reflect"}, "is named 'reflect'"),
        ({"seconds": 0}, "must be positive, received 0"),
        ({"colour": "red"}, "unknown colour"),
        ({"labels": None}, "is damaged"),
    ],
)
def test_a_card_with_wrong_fields_is_refused(tmp_path, model, card, change, message):
    good = models.save(model, tmp_path / "good.keras", card)
    bad = tmp_path / "bad.keras"
    shutil.copy(good, bad)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, json.dumps({**json.loads(data), **change}) if name == models.files.CARD else data)
    with pytest.raises(AudiotagError) as raised:
        models.card(bad)
    assert message in str(raised.value)
