"""Frame-level networks against NumPy and the clip's own logits; where steps lie; shortest and longest input."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import frontend, models
from audiotag.errors import AudiotagError
from audiotag.models.frames import FrameSteps, frame_level, frame_steps, longest_frames, shortest_frames
from audiotag.models.hybrid import Hybrid

PASST = {"width": 16, "depth": 1, "heads": 2, "mels": 48, "frames": 96}
array = keras.ops.convert_to_numpy


def golden_log_mel(shared, name: str) -> np.ndarray:
    return np.load(shared(f"golden/{name}_io.npz"))["log_mel"].transpose(0, 3, 2, 1)


def outputs(network: keras.Model, names: list[str], spectrograms: np.ndarray) -> list[np.ndarray]:
    """What some layers of a network, and the network itself, give."""
    watched = [*(network.get_layer(name).output for name in names), network.output]
    return [array(output) for output in keras.Model(network.input, watched)(spectrograms)]


def weights(network: keras.Model, name: str) -> list[np.ndarray]:
    return [array(weight).astype(np.float64) for weight in network.get_layer(name).weights]


def test_steps_of_a_fully_convolutional_head_average_to_the_published_logits(shared, published):
    network = published("mn01_fc_s2211")
    steps = array(frame_level(network)(golden_log_mel(shared, "mn01_fc_s2211")))
    expected = np.load(shared("golden/mn01_fc_s2211_io.npz"))["logits"]
    assert steps.shape[1] > 30
    np.testing.assert_allclose(steps.mean(axis=1), expected, atol=1e-4)


def test_steps_of_an_mlp_head_average_to_the_published_logits_where_none_is_bounded(shared, published):
    network = published("mn04_as")
    logits = np.load(shared("golden/mn04_as_io.npz"))["logits"]
    steps = array(frame_level(network)(golden_log_mel(shared, "mn04_as")))
    bounded = (steps > logits[:, None] + np.log(steps.shape[1]) - 1e-4).any(axis=1)
    assert np.ptp(steps, axis=1).max() > 2e-3
    assert not bounded.any()
    np.testing.assert_allclose(steps.mean(axis=1), logits, atol=2e-5)


def test_steps_of_the_published_mn04_are_its_gated_maps_and_bounded(shared, published):
    network = published("mn04_as_mAP_432")
    spectrograms = np.load(shared("golden/logmel_efficientat.npz"))["log_mel"].transpose(0, 2, 1)[..., None]
    maps, logits = outputs(network, ["last_activation"], spectrograms)
    hidden = maps.mean(axis=2) @ weights(network, "hidden")[0] + weights(network, "hidden")[1]
    gate = np.clip(hidden.mean(axis=1, keepdims=True) + 3, 0, 6) / 6
    free = (hidden * gate) @ weights(network, "logits")[0] + weights(network, "logits")[1]
    np.testing.assert_allclose(free.mean(axis=1), logits, atol=1e-3)
    bound = logits[:, None] + np.log(maps.shape[1])
    steps = array(frame_level(network)(spectrograms))
    np.testing.assert_allclose(steps, np.minimum(free, bound), atol=2e-3)
    assert 0 < np.mean(free > bound) < 0.2


def test_steps_of_attention_pooling_are_the_values_that_the_clip_weighs(shared, published):
    network = published("mn01_mhap")
    spectrograms = golden_log_mel(shared, "mn01_mhap")
    projected, logits = outputs(network, ["attention_projection"], spectrograms)
    projected = projected.reshape(*projected.shape[:2], 2, 4, 50)
    head_weights = weights(network, "head_weights")[0][:, 0]
    steps = array(frame_level(network)(spectrograms))
    np.testing.assert_allclose(steps, np.einsum("bthc,h->btc", projected[:, :, 1], head_weights), atol=1e-4)
    attention = np.clip(1 / (1 + np.exp(-projected[:, :, 0])), 1e-7, 1 - 1e-7)
    clip = (attention * projected[:, :, 1]).sum(1) / attention.sum(1)
    np.testing.assert_allclose(logits, np.einsum("bhc,h->bc", clip, head_weights), atol=1e-4)


@pytest.mark.usefixtures("few_channels")
def test_steps_of_a_pann_are_its_head_over_near_steps():
    keras.utils.set_random_seed(2)
    network = models.build("cnn6", classes=3, mels=64)
    spectrograms = np.random.default_rng(0).normal(size=(1, 200, 64, 1)).astype(np.float32)
    maps, logits = outputs(network, ["frequency_mean"], spectrograms)
    maps = maps[:, :, 0]
    near = [maps[:, max(step - 1, 0) : step + 2] for step in range(maps.shape[1])]
    pooled = np.stack([part.max(1) + part.mean(1) for part in near], axis=1)
    hidden = np.maximum(pooled @ weights(network, "features")[0] + weights(network, "features")[1], 0)
    expected = hidden @ weights(network, "logits")[0] + weights(network, "logits")[1]
    bounded = np.minimum(expected, logits[:, None] + np.log(maps.shape[1]))
    np.testing.assert_allclose(array(frame_level(network)(spectrograms)), bounded, atol=1e-4)


@pytest.mark.usefixtures("few_blocks")
def test_steps_of_an_ensemble_are_the_mean_of_its_members():
    members = [models.build("mn01", classes=3, mels=32, head="frames") for _ in range(2)]
    spectrograms = np.random.default_rng(0).normal(size=(2, 100, 32, 1)).astype(np.float32)
    steps = array(frame_level(models.mean_of(members, "two"))(spectrograms))
    expected = np.mean([array(frame_level(member)(spectrograms)) for member in members], axis=0)
    np.testing.assert_allclose(steps, expected, atol=1e-6)


@pytest.mark.usefixtures("few_blocks")
def test_a_network_that_keeps_no_time_is_refused_in_one_line():
    with pytest.raises(AudiotagError, match='build it with head="frames" and train it') as raised:
        frame_level(models.build("passt", classes=3, **PASST))
    assert "\n" not in str(raised.value)
    with pytest.raises(AudiotagError, match="takes exactly 40 frames"):
        frame_steps(frame_level(models.build("mn01", classes=3, mels=32, frames=40, se_dims="ct")))


NETWORKS = {
    "mn01": (lambda: models.build("mn01", classes=2, mels=64), FrameSteps(1, 32), 1, None),
    "mn01_fc_s2211": (lambda: models.build("mn01_fc_s2211", classes=2, mels=64), FrameSteps(1, 8), 1, None),
    "dilated": (lambda: models.build("mn01", classes=2, mels=64, dilated=True), FrameSteps(1, 16), 1, None),
    "fmn": (lambda: models.build("fmn01", classes=2, mels=128), FrameSteps(1, 4), 1, None),
    "fmn dilated": (lambda: models.build("fmn01", classes=2, mels=64, dilated=True), FrameSteps(1, 4), 1, None),
    "fmn hybrid": (lambda: models.build("fmn01+hybrid-8", classes=2, mels=64), FrameSteps(1, 4), 1, None),
    "crnn": (lambda: Hybrid(units=4).network("crnn", 2, 64, None), FrameSteps(4, 4), 4, None),
    "passt": (lambda: models.build("passt", classes=2, head="frames", **PASST), FrameSteps(16, 10), 16, 105),
    "cnn6": (lambda: models.build("cnn6", classes=2, mels=64), FrameSteps(16, 16), 16, None),
    "yamnet": (lambda: models.build("yamnet", classes=2, mels=64), FrameSteps(96, 48), 96, None),
}


@pytest.mark.usefixtures("few_channels")
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_and_lengths_are_those_of_real_outputs(name):
    make, steps, shortest, longest = NETWORKS[name]
    network = make()
    frames = frame_level(network)
    assert frame_steps(frames) == steps
    assert (shortest_frames(network), longest_frames(network)) == (shortest, longest)
    mels = network.input_shape[2]
    for length in (steps.length, steps.length + steps.distance - 1, steps.length + steps.distance, longest or 203):
        assert frames(np.zeros((1, length, mels, 1), np.float32)).shape == (1, steps.count(length), 2)


def test_steps_in_seconds_follow_the_front_end():
    efficientat, yamnet = frontend.preset("efficientat"), frontend.preset("yamnet")
    assert FrameSteps(1, 32).seconds(efficientat) == pytest.approx((0.32, 0.0))
    assert FrameSteps(16, 10).seconds(efficientat) == pytest.approx((0.1, 0.075))
    # A patch of 96 frames spans 15 ms more than 0.96 s, as its last frame is 25 ms long.
    assert FrameSteps(96, 48).seconds(yamnet) == pytest.approx((0.48, 0.975 / 2))


@pytest.mark.usefixtures("few_blocks")
def test_a_network_that_takes_one_length_says_so():
    network = models.build("mn01", classes=3, mels=32, frames=40, se_dims="ct")
    assert (shortest_frames(network), longest_frames(network)) == (40, 40)
