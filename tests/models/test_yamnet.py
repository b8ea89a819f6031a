"""YAMNet: the published layout of weights, patches and mean scores against NumPy, its size and its classes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models import heads, yamnet
from audiotag.models.conversion import classes_of
from audiotag.models.yamnet import YAMNet

SPECIFICATION = importlib.util.spec_from_file_location(
    "numpy_reference_yamnet", Path(__file__).with_name("numpy_reference_yamnet.py")
)
reference = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(reference)

array = keras.ops.convert_to_numpy
CLASSES = 11


@pytest.fixture(scope="module")
def layers() -> dict[str, dict[str, np.ndarray]]:
    return reference.random_weights(CLASSES)


@pytest.fixture(scope="module")
def network(layers, tmp_path_factory) -> keras.Model:
    state = models.load_state_dict(reference.write(tmp_path_factory.mktemp("yamnet") / "yamnet.h5", layers))
    assert classes_of(state, CLASSES) == CLASSES
    made = YAMNet().network("yamnet", CLASSES, 64, None)
    models.convert(state, made)
    return made


def spectrograms(frames: int, clips: int = 2) -> np.ndarray:
    return np.random.default_rng(frames).normal(-3, 2, size=(clips, frames, 64, 1)).astype(np.float32)


@pytest.mark.parametrize(("frames", "patches"), [(96, 1), (143, 1), (144, 2), (250, 4)])
def test_patches_clips_and_embeddings_equal_numpy(network, layers, frames, patches):
    outputs = [network.get_layer("frame_logits").output, network.get_layer("patch_features").output, network.output]
    given = spectrograms(frames)
    by_patch, features, by_clip = map(array, keras.Model(network.input, outputs)(given))
    assert by_patch.shape == (2, patches, CLASSES) and by_clip.shape == (2, CLASSES)
    for number, spectrogram in enumerate(given[..., 0]):
        logits, embeddings, score = reference.clip(spectrogram, layers)
        np.testing.assert_allclose(by_patch[number], logits, atol=1e-4)
        np.testing.assert_allclose(features[number], embeddings, atol=1e-4)
        np.testing.assert_allclose(by_clip[number], np.log(score / (1 - score)), atol=1e-4)
        # The test would say little if logits were all alike.
        assert logits.std() > 0.5


def test_a_compiled_graph_of_open_length_counts_patches_as_well(network):
    for frames in (100, 200, 333):
        given = spectrograms(frames, clips=3)
        np.testing.assert_allclose(network.predict(given, verbose=0), array(network(given)), atol=1e-5)


def test_extreme_scores_stay_finite_and_exact():
    head = keras.Input((None, 1))
    mean = keras.Model(head, heads.pool(head, "mean"))
    for patches in ([-200.0, -300.0], [200.0, 300.0], [-40.0, 40.0], [-1000.0, -1000.0, 1000.0]):
        scores = np.longdouble(patches)
        present, absent = np.logaddexp.reduce(-np.logaddexp(0, -scores)), np.logaddexp.reduce(-np.logaddexp(0, scores))
        received = array(mean(np.float32(patches).reshape(1, -1, 1)))
        np.testing.assert_allclose(received, [[float(present - absent)]], rtol=1e-5)


def test_size_and_cost_are_those_published():
    with keras.StatelessScope(initialize_variables=False):
        published = YAMNet().network("yamnet", 521, 64, None)
    # "3.7M weights and performs 69.2M multiplies for each 960ms input frame" (README of YAMNet).
    assert models.parameters(published) / 1e6 == pytest.approx(3.7, abs=0.05)
    assert models.macs(published, 96, 64) / 1e6 == pytest.approx(69.2, abs=0.1)
    strides = [
        layer.strides[0] for layer in published.layers if hasattr(layer, "strides") and "point" not in layer.name
    ]
    assert np.prod(strides) == 32 and published.get_layer("patch_features").output.shape == (None, None, 1024)


def test_a_weight_of_another_shape_and_a_missing_one_are_named(layers, tmp_path):
    changed = {layer: dict(weights) for layer, weights in layers.items()}
    changed["layer3/pointwise_conv"]["layer3/pointwise_conv/kernel:0"] = np.zeros((1, 1, 64, 127), np.float32)
    del changed["layer9/depthwise_conv/bn"]["layer9/depthwise_conv/bn/beta:0"]
    state = models.load_state_dict(reference.write(tmp_path / "changed.h5", changed))
    with pytest.raises(AudiotagError) as raised:
        models.convert(state, YAMNet().network("yamnet", CLASSES, 64, None))
    assert "missing layer9/depthwise_conv/bn/beta:0" in str(raised.value)
    assert "layer3/pointwise_conv/kernel:0 (needs (1, 1, 64, 128), received (1, 1, 64, 127))" in str(raised.value)


def test_a_new_head_keeps_all_the_rest(layers, network, tmp_path):
    state = models.load_state_dict(reference.write(tmp_path / "yamnet.h5", layers))
    other = YAMNet().network("yamnet", 3, 64, None)
    models.convert(state, other, new_head=True)
    given = spectrograms(96)
    embeddings = [keras.Model(net.input, net.get_layer("patch_features").output)(given) for net in (network, other)]
    np.testing.assert_array_equal(*map(array, embeddings))


def test_fewer_frames_than_a_patch_are_refused():
    with pytest.raises(AudiotagError, match=r"patches of 96 frames \(0.975 s.*received 95 frames") as raised:
        YAMNet().network("yamnet", 3, 64, 95)
    assert "\n" not in str(raised.value)


def test_it_survives_saving_and_learns(tmp_path, monkeypatch):
    monkeypatch.setattr(yamnet, "BLOCKS", yamnet.BLOCKS[:4])
    keras.utils.set_random_seed(0)
    network = YAMNet().network("yamnet", 2, 64, 120)
    given, targets = spectrograms(120, clips=4), np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
    given += 2 * targets[:, None, None, :1]
    # Compiling them would take longer than these steps.
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-3), loss, run_eagerly=True)
    losses = network.fit(given, targets, batch_size=4, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    network.save(tmp_path / "yamnet.keras")
    again = keras.saving.load_model(tmp_path / "yamnet.keras")
    np.testing.assert_allclose(array(again(given)), array(network(given)), atol=1e-6)


def test_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = YAMNet().network("yamnet", 3, 64, None)
        assert {network(spectrograms(150), training=mode).dtype.name for mode in (True, False)} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


def test_its_classes_are_those_of_audioset_without_six():
    labels, known = models.yamnet_labels(), models.audioset_labels()
    assert len(labels) == 521
    left_out = set(known.names) - set(labels.names)
    assert left_out == {
        "Male speech, man speaking",
        "Female speech, woman speaking",
        "Male singing",
        "Female singing",
        "Battle cry",
        "Funny music",
    }
    # Rows of the published yamnet_class_map.csv.
    published = {0: "Speech", 1: "Child speech, kid speaking", 69: "Dog", 132: "Music", 276: "Scary music"}
    published |= {277: "Wind", 427: "Firecracker", 494: "Silence", 514: "White noise", 520: "Field recording"}
    assert {index: labels.names[index] for index in published} == published
    assert labels.ids[427] == "/g/122z_qxw" and labels.ids[520] == "/m/07hvw1"
