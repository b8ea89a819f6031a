"""PANNs: checkpoints in the published layout against plain PyTorch, their sizes, and files that plain Keras opens."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import plain_keras
import pytest
from kept_process import module_of

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.frontend import log_mel, preset
from audiotag.models.conversion import classes_of
from audiotag.models.panns import PANN

array = keras.ops.convert_to_numpy
CLASSES = 7
# Parameters and multiplications and additions, in 10^9, for 10 s: table XII of arXiv 1912.10211.
TABLE = {6: (4_837_455, 21.986), 10: (5_219_279, 28.166), 14: (80_753_615, 42.220)}


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return module_of(Path(__file__).with_name("torch_reference") / "panns.py")


def of_shapes(layers: int) -> keras.Model:
    """The network with 527 classes, its weights known by shape alone."""
    with keras.StatelessScope(initialize_variables=False):
        return PANN(layers).network(f"cnn{layers}", 527, 64, None)


@pytest.mark.parametrize("layers", [6, 10, 14])
def test_a_published_checkpoint_gives_the_logits_and_embedding_of_pytorch(few_channels, reference, tmp_path, layers):
    import torch

    theirs = reference.random(layers, CLASSES, few_channels)
    sampler = {"indexes": np.arange(9), "pointers_of_classes": [0] * 3, "queue": [np.int64(4)]}
    whole = {"iteration": 600_000, "model": theirs.state_dict(), "sampler": sampler}
    # The published files are of the format before PyTorch 1.6.
    torch.save(whole, tmp_path / "published.pth", _use_new_zipfile_serialization=False)
    state = models.load_state_dict(tmp_path / "published.pth")
    assert classes_of(state, CLASSES) == CLASSES
    ours = PANN(layers).network("panns", CLASSES, 64, None)
    models.convert(state, ours)
    waveform = np.random.default_rng(0).normal(scale=0.1, size=(2, 16_200)).astype(np.float32)
    waveform[1] *= np.linspace(0, 3, waveform.shape[1])
    with torch.no_grad():
        logits, embedding = theirs(torch.from_numpy(waveform))
    spectrograms = np.stack([log_mel(row, preset("panns")) for row in waveform])[..., None]
    assert spectrograms.shape == (2, 51, 64, 1)
    both = keras.Model(ours.input, [ours.output, models.embedding_network(ours, "features").output])
    for received, expected in zip(both(spectrograms), (logits, embedding), strict=True):
        np.testing.assert_allclose(array(received), expected.numpy(), atol=1e-4 * float(expected.abs().max()))
    # The test would say little if both clips or all classes were alike.
    assert logits.std(dim=0).min() > 1e-3 and logits.std(dim=1).min() > 0.1


@pytest.mark.parametrize("layers", TABLE)
def test_sizes_are_those_published(layers):
    parameters, published = TABLE[layers]
    network = of_shapes(layers)
    assert models.parameters(network) == parameters
    # The published count takes multiplications and additions apart, and the spectrogram's two convolutions too.
    spectrogram = 1001 * 513 * 1024 * 2
    assert 2 * (models.macs(network, 1001, 64) + spectrogram) / 1e9 == pytest.approx(published, rel=2e-3)


def test_a_tensor_that_is_missing_or_has_another_shape_is_named(reference):
    state = {name: tensor.numpy() for name, tensor in reference.random(6, CLASSES).state_dict().items()}
    state["fc1.weight"] = np.zeros((512, 2048), np.float32)
    del state["conv_block3.bn1.running_var"]
    with pytest.raises(AudiotagError) as raised:
        models.convert(state, PANN(6).network("cnn6", CLASSES, 64, None))
    assert "missing conv_block3.bn1.running_var" in str(raised.value)
    assert "fc1.weight (needs (512, 512), received (512, 2048))" in str(raised.value)


def test_a_checkpoint_of_another_depth_does_not_fit(reference):
    state = {name: tensor.numpy() for name, tensor in reference.random(10, CLASSES).state_dict().items()}
    with pytest.raises(AudiotagError, match=r"do not fit cnn6: extra conv_block1\.conv2\.weight"):
        models.convert(state, PANN(6).network("cnn6", CLASSES, 64, None))


@pytest.mark.usefixtures("few_channels")
def test_plain_keras_opens_the_file(kept_process, tmp_path):
    network = PANN(10).network("cnn10", 3, 32, None)
    spectrograms = np.random.default_rng(0).normal(-20, 20, size=(2, 40, 32, 1)).astype(np.float32)
    network.save(tmp_path / "cnn10.keras")
    plain = kept_process("tensorflow", audiotag=False)
    (logits,) = plain.call(plain_keras.outputs, tmp_path / "cnn10.keras", [spectrograms])
    np.testing.assert_allclose(logits, array(network(spectrograms)), atol=1e-5)


@pytest.mark.usefixtures("few_channels")
def test_dropout_acts_in_training_only_and_logits_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = PANN(6).network("cnn6", 3, 64, None)
        spectrograms = np.random.default_rng(0).normal(-20, 20, size=(1, 32, 64, 1)).astype(np.float32)
        trained, used = ([network(spectrograms, training=training) for _ in range(2)] for training in (True, False))
        assert {logits.dtype.name for logits in (*trained, *used)} == {"float32"}
        assert not np.array_equal(*map(array, trained)) and np.array_equal(*map(array, used))
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("layers", "mels", "frames", "told"),
    [
        (12, 64, None, "6, 10 or 14 layers, received 12"),
        (6, 64, 15, "at least 16 frames, received 15"),
        (14, 64, 31, "at least 32 frames, received 31"),
        (14, 16, None, "at least 32 mel bands, received 16"),
    ],
)
def test_a_network_that_cannot_be_is_one_line_of_error(layers, mels, frames, told):
    with pytest.raises(AudiotagError) as raised:
        PANN(layers).network("panns", 3, mels, frames)
    assert told in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("layers", [6, 14])
def test_the_shortest_input_leaves_something_to_pool(layers):
    pann = PANN(layers)
    with keras.StatelessScope(initialize_variables=False):
        network = pann.network("panns", 3, pann.smallest, pann.smallest)
    pooled = keras.Model(network.input, network.get_layer("frequency_mean").output)
    assert pooled.compute_output_shape((1, pann.smallest, pann.smallest, 1))[1:3] == (1, 1)
