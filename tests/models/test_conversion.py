"""Strict loading: every tensor is used exactly once, and what does not fit is named."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError

array = keras.ops.convert_to_numpy
TINY_PASST = {"width": 96, "depth": 3, "heads": 3}


@pytest.fixture(scope="module")
def state(shared) -> dict[str, np.ndarray]:
    return models.load_state_dict(shared("golden/mn01_mhap.safetensors"))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """The network of that file. What its weights are is the business of each test."""
    return models.build("mn01", classes=50, head="multihead_attention_pooling")


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight.path: array(weight) for weight in model.weights}


def test_a_missing_an_extra_and_a_misshaped_tensor_are_named_and_nothing_is_loaded(state, network):
    before = weights_of(network)
    broken = dict(state)
    del broken["features.4.block.1.conc_se_layers.0.fc1.bias"]
    broken["features.99.weight"] = np.zeros(3, np.float32)
    broken["features.5.block.0.1.weight"] = np.zeros(3, np.float32)
    with pytest.raises(AudiotagError) as raised:
        models.convert(broken, network)
    message = str(raised.value)
    assert "missing features.4.block.1.conc_se_layers.0.fc1.bias" in message
    assert "extra features.99.weight" in message
    assert "misshaped features.5.block.0.1.weight (needs (16,), received (3,))" in message
    assert "\n" not in message
    assert all(np.array_equal(before[path], weight) for path, weight in weights_of(network).items())


def test_only_the_first_three_of_many_faults_are_named(state, network):
    with pytest.raises(AudiotagError, match=r"missing features\.0\.0\.weight, .* … \d+ in all") as raised:
        models.convert({"classifier.head_weight": state["classifier.head_weight"]}, network)
    assert str(raised.value).count("features.") == 3


def test_a_step_counter_is_dropped_only_beside_its_normalization(state, network):
    models.convert(state, network)
    with pytest.raises(AudiotagError, match=r"extra features\.77\.1\.num_batches_tracked"):
        models.convert({**state, "features.77.1.num_batches_tracked": np.array(3)}, network)


def test_kernels_turn_from_mels_by_frames_to_frames_by_mels(state, network):
    models.convert(state, network)
    stem = state["features.0.0.weight"]
    depthwise = state["features.7.block.1.0.weight"]
    assert array(network.get_layer("stem_convolution").kernel)[2, 0, 0, 5] == stem[5, 0, 0, 2]
    assert array(network.get_layer("block7_depthwise_convolution").kernel)[2, 0, 3, 0] == depthwise[3, 0, 0, 2]


def test_weights_of_another_architecture_are_refused(shared):
    with pytest.raises(AudiotagError, match=r"do not fit mn02: .*build the architecture they were trained as"):
        models.build("mn02", classes=50, weights=shared("golden/mn01_fc_s2211.safetensors"))
    with pytest.raises(AudiotagError, match="do not fit passt"):
        models.build("passt", classes=527, weights=shared("golden/mn04_as.safetensors"), **TINY_PASST)


@pytest.mark.parametrize(
    ("name", "file", "options", "random"),
    [
        ("mn04", "mn04_as", {}, {"logits/kernel", "logits/bias"}),
        pytest.param(
            *("mn01", "mn01_mhap", {"head": "multihead_attention_pooling"}, {"attention_projection/kernel"}),
            marks=pytest.mark.slow,
        ),
        pytest.param("mn01_fc_s2211", "mn01_fc_s2211", {}, {"logits_convolution/kernel"}, marks=pytest.mark.slow),
        ("passt", "passt_tiny", TINY_PASST, {"logits/kernel", "logits/bias"}),
    ],
)
def test_other_classes_get_a_new_head_on_the_loaded_body(shared, published, tmp_path, name, file, options, random):
    whole = published(file)
    whole.save(tmp_path / "whole.keras")
    heads = ("logits", "attention_projection") if name != "passt" else ("logits/",)
    for source in (shared(f"golden/{file}.safetensors"), tmp_path / "whole.keras"):
        model = models.build(name, classes=7, weights=source, new_head=True, **options)
        assert model.output_shape == (None, 7)
        theirs, ours = weights_of(whole), weights_of(model)
        assert {path for path in ours if path.startswith(heads)} >= random
        body = [path for path in ours if not path.startswith(heads)]
        assert len(body) > 40
        assert all(np.array_equal(theirs[path], ours[path]) for path in body)


def test_a_file_of_other_classes_is_refused_where_no_new_head_is_asked_for(shared, tmp_path):
    published = shared("golden/mn04_as.safetensors")
    with pytest.raises(
        AudiotagError, match=r"has 527 classes, the network 7: put a new head on .*--new-head"
    ) as raised:
        models.build("mn04", classes=7, weights=published)
    assert "\n" not in str(raised.value)
    small = {"mels": 32, "frames": 50, "width": 8, "depth": 1, "heads": 2}
    models.build("passt", classes=3, **small).save(tmp_path / "three.keras")
    with pytest.raises(AudiotagError, match="has 3 classes, the network 7"):
        models.build("passt", classes=7, weights=tmp_path / "three.keras", **small)


def test_a_new_head_may_be_asked_for_where_the_classes_are_the_same(shared, published):
    new = models.build("mn04", classes=527, weights=shared("golden/mn04_as.safetensors"), new_head=True)
    theirs, ours = map(weights_of, (published("mn04_as"), new))
    assert {path for path in ours if not np.array_equal(theirs[path], ours[path])} == {"logits/kernel", "logits/bias"}


def test_the_body_is_still_strict_where_the_head_is_new(shared):
    with pytest.raises(AudiotagError, match="misshaped"):
        models.build("mn02", classes=7, weights=shared("golden/mn04_as.safetensors"))


@pytest.mark.usefixtures("few_blocks")
def test_a_keras_file_of_another_architecture_is_refused(tmp_path):
    models.build("mn01", classes=3, mels=32).save(tmp_path / "small.keras")
    with pytest.raises(AudiotagError, match=r"misshaped stem_convolution/kernel"):
        models.build("mn10", classes=3, mels=32, weights=tmp_path / "small.keras")
    with pytest.raises(AudiotagError, match="no such file"):
        models.build("mn01", classes=3, weights=tmp_path / "none.keras")


def test_unused_head_of_passt_is_dropped_but_other_heads_are_not(shared):
    state = models.load_state_dict(shared("golden/passt_tiny.safetensors"))
    model = models.build("passt", classes=527, **TINY_PASST)
    without = {name: tensor for name, tensor in state.items() if not name.startswith("head_dist")}
    models.convert(without, model)
    with pytest.raises(AudiotagError, match=r"extra head_third\.bias"):
        models.convert({**state, "head_third.bias": np.zeros(527, np.float32)}, model)
