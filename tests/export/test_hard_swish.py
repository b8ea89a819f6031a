"""Folding hard-swish: the same function, with no division left that another weight could take over."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from audiotag import models
from audiotag.export.hard_swish import folded
from audiotag.models import mn

NETWORKS = [
    pytest.param("mn01", {}, id="mn01"),
    pytest.param("mn10", {}, id="mn10", marks=pytest.mark.slow),
    pytest.param("mn01", {"head": "multihead_attention_pooling", "se_dims": "cf"}, id="attention head, two gates"),
    pytest.param("mn01", {"head": "fully_convolutional"}, id="convolutional head", marks=pytest.mark.slow),
    pytest.param("mn01", {"head": "frames"}, id="frames head", marks=pytest.mark.slow),
    pytest.param("dymn04", {}, id="dymn04"),
    pytest.param("dymn04", {"replace_se": True}, id="half dynamic", marks=pytest.mark.slow),
]


def log_mel(frames: int = 64) -> np.ndarray:
    return np.random.default_rng(4).normal(size=(2, frames, 128, 1)).astype(np.float32)


def stirred(network: keras.Model) -> keras.Model:
    """The network with biases and statistics that matter, and outputs of the size of logits."""
    draws = np.random.default_rng(5)
    for weight in network.weights:
        if weight.name in ("bias", "beta", "moving_mean", "attention_bias"):
            weight.assign(0.1 * draws.normal(size=weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(draws.uniform(0.8, 1.5, size=weight.shape))
    return network


def hard_swishes(network: keras.Model) -> list[str]:
    return [layer.name for layer in network.layers if getattr(layer, "activation", None) is keras.activations.hard_silu]


def assert_same_function(network: keras.Model, twin: keras.Model, inputs: np.ndarray) -> None:
    expected = np.asarray(network(inputs))
    np.testing.assert_allclose(twin(inputs), expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.fixture
def six_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of block once."""
    monkeypatch.setattr(mn, "BLOCKS", [mn.BLOCKS[number] for number in (0, 3, 6, 7, 10, 12)])


@pytest.mark.usefixtures("six_blocks")
@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_nothing_is_left_in_any_mn_and_dymn(name: str, options: dict) -> None:
    network = stirred(models.build(name, classes=7, **options))
    before = hard_swishes(network)
    twin = folded(network)
    assert len(before) >= 9 and hard_swishes(twin) == [] and hard_swishes(network) == before
    assert_same_function(network, twin, log_mel())


def test_the_published_weights_give_the_published_logits(shared) -> None:
    network = models.build("mn04", classes=527, weights=shared("weights/mn04_as_mAP_432.pt"))
    golden = np.load(shared("golden/mn04_as_mAP_432_io.npz"))
    received = folded(network)(golden["log_mel"].transpose(0, 3, 2, 1))
    np.testing.assert_allclose(received, golden["logits"], atol=2e-4)


def test_a_network_without_it_is_copied() -> None:
    network = models.build("crnn", classes=3)
    twin = folded(network)
    np.testing.assert_array_equal(twin(log_mel()), network(log_mel()))
    assert not {id(weight) for weight in twin.weights} & {id(weight) for weight in network.weights}


def test_what_nothing_takes_over_stays() -> None:
    entry = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 1)(entry)
    first = layers.Activation("hard_silu", name="first")(x)
    x = layers.Conv2D(4, 3, padding="same")(first)
    second = layers.Activation("hard_silu", name="second")(x)
    # A softmax is not linear, and a branch without a normalisation cannot be multiplied.
    network = keras.Model(entry, layers.Softmax()(layers.Conv2D(4, 1)(first)) + second)
    twin = folded(network)
    assert hard_swishes(twin) == ["second"]
    assert_same_function(network, twin, np.random.default_rng(6).normal(size=(2, 8, 8, 3)).astype(np.float32))


@pytest.mark.usefixtures("six_blocks")
def test_a_frozen_network_is_folded_too() -> None:
    network = stirred(models.build("mn01", classes=7))
    network.trainable = False
    assert_same_function(network, folded(network), log_mel())
