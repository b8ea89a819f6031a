"""The table of published weights, the cache, and AudioSet's labels."""

from __future__ import annotations

import csv
import shutil

import keras
import numpy as np
import pytest

from audiotag import frontend, models
from audiotag.errors import AudiotagError
from audiotag.models.architectures import architecture


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache, and no way to the network."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("AUDIOTAG_CACHE", str(folder))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "")
    return folder


def test_every_preset_names_an_architecture_and_a_published_file():
    for name, preset in models.PRESETS.items():
        assert preset.name == name
        assert architecture(preset.architecture)
        assert preset.url.startswith("https://github.com/") and preset.url.endswith(".pt")
        assert (preset.labels == "audioset") == (preset.mAP is not None)
        assert preset.licence in ("MIT", "Apache-2.0")
    assert len({preset.url for preset in models.PRESETS.values()}) == len(models.PRESETS)


def test_the_score_of_a_preset_is_the_one_in_its_file_name():
    for preset in models.PRESETS.values():
        if "_mAP_" in preset.url:
            digits = preset.url.rsplit("_mAP_", 1)[1][:3]
            assert f"{preset.mAP:.1f}" == f"{digits[:2]}.{digits[2]}"


def test_front_ends_of_variants_differ_from_the_standard_one_by_one_field():
    standard = frontend.preset("efficientat")
    assert models.preset("mn10_as").front_end == standard
    assert models.preset("mn10_as_hop_5").front_end.difference(standard) == "hop 160 / 320"
    assert models.preset("mn10_as_mels_64").front_end.difference(standard) == "mels 64 / 128"


def test_an_architecture_stands_for_its_audioset_weights():
    assert models.preset("mn40").name == "mn40_as"
    assert models.preset("mn10_fc_s2221").name == "mn10_as_fc_s2221"
    assert models.preset("passt_s").name == "passt_s_as"


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(AudiotagError, match="did you mean 'mn10_as_hop_15'"):
        models.preset("mn10_as_hop15")
    with pytest.raises(AudiotagError, match="no AudioSet weights are published for 'mn15'"):
        models.build("mn15", classes=3, weights="audioset")


def test_weights_of_another_architecture_name_both(offline):
    with pytest.raises(AudiotagError, match=r"'mn04_as' are those of mn04, received the model 'mn10'"):
        models.build("mn10", classes=3, weights="mn04_as")


def test_published_weights_are_taken_from_a_cache_that_was_filled_by_hand(shared, offline):
    shutil.copy(shared("weights/mn04_as_mAP_432.pt"), offline)
    golden = np.load(shared("golden/mn04_as_mAP_432_io.npz"))
    spectrograms = golden["log_mel"].transpose(0, 3, 2, 1)
    model = models.build("mn04", classes=527, weights="mn04_as")
    logits = keras.ops.convert_to_numpy(model(spectrograms))
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4)
    tops = [models.audioset_labels().names[row.argmax()] for row in logits]
    assert tops == ["Crowing, cock-a-doodle-doo", "Chainsaw"]
    tuned = models.build("mn04", classes=10, weights="audioset")
    pooled = keras.ops.convert_to_numpy(models.features(tuned)(spectrograms))
    np.testing.assert_allclose(pooled, golden["features"], atol=1e-4)


def test_offline_with_an_empty_cache_is_one_clear_line(offline):
    with pytest.raises(AudiotagError, match=r"mn04_as_mAP_432\.pt is not in the cache") as raised:
        models.build("mn04", classes=527, weights="mn04_as")
    assert "\n" not in str(raised.value)


def test_a_damaged_file_in_the_cache_is_refused(offline):
    (offline / "mn04_as_mAP_432.pt").write_bytes(b"damaged")
    with pytest.raises(AudiotagError, match="does not have the expected SHA-256"):
        models.build("mn04", classes=527, weights="mn04_as")


def test_audioset_labels_are_the_published_list(shared):
    with shared("weights/audioset_class_labels_indices.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = models.audioset_labels()
    assert len(labels) == 527
    assert labels.names == tuple(row["display_name"] for row in rows)
    assert labels.ids == tuple(row["mid"] for row in rows)
