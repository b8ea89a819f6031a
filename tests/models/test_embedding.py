"""Embedding networks against layer outputs that NumPy averages, on three backends."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels

MELS = 32
# Blocks of an mn01 that change the shape have no residual: they end in their projection.
ENDS = [f"block{number}_{'project_normalization' if number in (2, 4, 7, 11, 13) else 'add'}" for number in range(1, 16)]
MID = [ENDS[number - 1] for number in (5, 11, 13, 15)]


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor).astype(np.float64)


def mn(**options) -> keras.Model:
    """A small MN whose normalisations are not the identity, so that every layer has another output."""
    keras.utils.set_random_seed(5)
    network = models.build("mn01", classes=3, mels=MELS, **options)
    generator = np.random.default_rng(5)
    for weight in network.weights:
        if weight.path.split("/")[-1] in ("gamma", "moving_variance"):
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
        if weight.path.split("/")[-1] in ("beta", "moving_mean", "bias"):
            weight.assign(generator.normal(0, 0.3, weight.shape))
    return network


def spectrograms(frames: int = 203) -> np.ndarray:
    return np.random.default_rng(frames).normal(size=(2, frames, MELS, 1)).astype(np.float32)


def outputs(network: keras.Model, names: list[str], inputs: np.ndarray) -> list[np.ndarray]:
    watched = keras.Model(network.input, {name: network.get_layer(name).output for name in names})(inputs)
    return [array(watched[name]) for name in names]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return mn()


@pytest.mark.parametrize(("layers", "ends"), [("mid", MID), ("blocks", ENDS)])
def test_mel_averages_come_first_then_the_means_of_the_blocks(network, layers, ends):
    inputs = spectrograms()
    expected = [inputs.mean(axis=(1, 3)), *(maps.mean(axis=(1, 2)) for maps in outputs(network, ends, inputs))]
    found = models.embedding_network(network, layers)(inputs)
    np.testing.assert_allclose(array(found), np.concatenate(expected, axis=1), atol=1e-5)


@pytest.mark.parametrize(("name", "size"), [("mn10", 600), ("mn01", 184)])
def test_mid_has_the_published_size(name, size):
    with keras.StatelessScope(initialize_variables=False):
        assert models.embedding_network(models.build(name, classes=527)).output_shape == (None, size)


@pytest.mark.usefixtures("few_blocks")
@pytest.mark.parametrize("head", ["mlp", "fully_convolutional", "multihead_attention_pooling"])
def test_features_and_logits_are_those_of_the_network(head):
    network, inputs = mn(head=head), spectrograms()
    (maps,) = outputs(network, ["last_activation"], inputs)
    found = models.embedding_network(network, "features")(inputs)
    np.testing.assert_allclose(array(found), maps.mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_array_equal(array(models.embedding_network(network, "logits")(inputs)), array(network(inputs)))


def test_layers_by_name_are_joined_in_their_order(network):
    inputs = spectrograms()
    stem, hidden = outputs(network, ["stem_activation", "hidden"], inputs)
    found = models.embedding_network(network, ["hidden", "logits", "stem_activation"])(inputs)
    expected = [hidden, array(network(inputs)), stem.mean(axis=(1, 2))]
    np.testing.assert_allclose(array(found), np.concatenate(expected, axis=1), atol=1e-5)
    alone = models.embedding_network(network, "stem_activation")(inputs)
    np.testing.assert_allclose(array(alone), expected[2], atol=1e-5)


def test_mid_of_a_passt_is_logits_features_and_mel_averages():
    passt = models.build("passt", classes=5, mels=48, frames=96, width=16, depth=2, heads=2)
    inputs = np.random.default_rng(0).normal(size=(2, 86, 48, 1)).astype(np.float32)
    (tokens,) = outputs(passt, ["normalization"], inputs)
    expected = np.concatenate([array(passt(inputs)), tokens.mean(axis=1), inputs.mean(axis=(1, 3))], axis=1)
    np.testing.assert_allclose(array(models.embedding_network(passt)(inputs)), expected, atol=1e-5)
    (sequence,) = outputs(passt, ["block1_mlp_add"], inputs)
    found = models.embedding_network(passt, ["block1_mlp_add"])(inputs)
    np.testing.assert_allclose(array(found), sequence.mean(axis=1), atol=1e-5)


def test_of_any_other_network_mid_is_its_layer_features():
    log_mel = keras.Input((None, MELS, 1))
    maps = keras.layers.Conv2D(4, 3, name="maps")(log_mel)
    features = keras.layers.Dense(6, name="features")(keras.layers.GlobalMaxPooling2D()(maps))
    other = keras.Model(log_mel, keras.layers.Dense(2, name="logits")(features), name="other")
    inputs = spectrograms()
    (expected,) = outputs(other, ["features"], inputs)
    np.testing.assert_allclose(array(models.embedding_network(other)(inputs)), expected, atol=1e-6)


def test_the_weights_are_shared(network):
    inputs, embedded = spectrograms(), models.embedding_network(network, "logits")
    bias = network.get_layer("logits").bias
    before = array(embedded(inputs))
    bias.assign_add([1.0, 2.0, 3.0])
    np.testing.assert_allclose(array(embedded(inputs)) - before, [[1, 2, 3]] * 2, atol=1e-5)
    bias.assign_sub([1.0, 2.0, 3.0])


def test_embeddings_are_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = mn()
        inputs = np.full((1, 64, MELS, 1), 1 / 3, np.float32)
        found = models.embedding_network(network)(inputs)
        assert found.dtype.name == "float32"
        # The mean of a band never goes through half precision.
        np.testing.assert_allclose(array(found)[0, :MELS], 1 / 3, atol=1e-6)
    finally:
        keras.config.set_dtype_policy("float32")


def test_what_cannot_be_embedded_is_one_line(network):
    passt = models.build("passt", classes=5, mels=48, frames=96, width=16, depth=1, heads=2)
    plain = keras.Sequential([keras.Input((None, MELS, 1)), keras.layers.GlobalMaxPooling2D(name="top")], name="plain")
    cases = (
        (network, "mids", "no layer 'mids': did you mean 'mid'?"),
        (network, ["block16_add"], "has no layer 'block16_add': did you mean 'block6_add'"),
        (network, [], "at least one layer, received none"),
        (passt, "blocks", "blocks are those of an MN or a DyMN, received passt"),
        (plain, "mid", "plain has no layer 'features' to embed by: choose one (known: top)"),
    )
    for model, layers, message in cases:
        with pytest.raises(AudiotagError) as raised:
            models.embedding_network(model, layers)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)


def embedded(path: Path, layers: list[str], inputs: np.ndarray) -> np.ndarray:
    """A saved network's embeddings."""
    saved, _ = models.load(path)
    return models.embedding_network(saved, layers).predict_on_batch(inputs)


# Of the whole network, JAX alone would compile for most of a minute.
@pytest.mark.parametrize(("backend", "layers"), [("torch", ["mid"]), ("jax", ["stem_activation", "block3_add"])])
def test_another_backend_gives_the_same_numbers(kept_process, network, tmp_path, backend, layers):
    card = models.ModelCard("mn01", ClipFormat(Labels(("a", "b", "c")), LogMelConfig(mels=MELS), "multiclass", 1.0))
    path = models.save(network, tmp_path / "network.keras", card)
    there = kept_process(backend).call(embedded, path, layers, spectrograms())
    here = models.embedding_network(network, layers)(spectrograms())
    np.testing.assert_allclose(there, array(here), atol=1e-4)
