"""Outputs that a new head takes over: what it says for them is what the old head says."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.models.conversion import carry_over, matching_classes

array = keras.ops.convert_to_numpy
TINY = {"width": 8, "depth": 1, "heads": 2}
KINDS = {
    "mlp": ("mn01", {}),
    "fully convolutional": ("mn01_fc", {}),
    "attention pooling": ("mn01", {"head": "multihead_attention_pooling"}),
    "PaSST": ("passt", TINY),
}


pytestmark = pytest.mark.usefixtures("few_blocks")


@pytest.fixture
def mn01() -> keras.Model:
    """Of three classes."""
    return models.build("mn01", classes=3)


def spoilt(name: str, classes: int, seed: int, **options) -> keras.Model:
    """A network whose weights are all different numbers, running statistics included."""
    model = models.build(name, classes=classes, **options)
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.uniform(0.05, 0.15, weight.shape))
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_carried_outputs_are_those_of_the_old_head_and_the_others_are_left_alone(kind):
    name, options = KINDS[kind]
    old, new = spoilt(name, 5, 1, **options), spoilt(name, 3, 2, **options)
    for layer in new.layers:
        for ours, theirs in zip(layer.weights, old.get_layer(layer.name).weights, strict=True):
            if ours.shape == theirs.shape:
                ours.assign(theirs)
    log_mel = np.random.default_rng(0).normal(size=(2, 64, 128, 1)).astype(np.float32)
    before = array(new(log_mel))
    carry_over(old, new, [(4, 0), (1, 2)])
    expected, logits = array(old(log_mel)), array(new(log_mel))
    np.testing.assert_allclose(logits[:, [0, 2]], expected[:, [4, 1]], rtol=1e-5)
    np.testing.assert_array_equal(logits[:, 1], before[:, 1])
    assert not np.allclose(logits[:, 0], before[:, 0], rtol=1e-5)


def test_published_outputs_are_found_by_name_in_audioset(shared, published, monkeypatch):
    monkeypatch.undo()  # all blocks
    weights = shared("weights/mn04_as_mAP_432.pt")
    pairs = matching_classes(models.audioset_labels(), Labels(("rain", "clock_tick", "dog")))
    old = published("mn04_as_mAP_432")
    new = models.build("mn04", classes=3, weights=weights, new_head=True)
    carry_over(old, new, pairs)
    log_mel = np.load(shared("golden/mn04_as_mAP_432_io.npz"))["log_mel"].transpose(0, 3, 2, 1)
    logits, published = array(new(log_mel)), array(old(log_mel))
    rows = models.audioset_labels()
    np.testing.assert_allclose(logits[:, 0], published[:, rows.index("Rain")], atol=1e-5)
    np.testing.assert_allclose(logits[:, 2], published[:, rows.index("Dog")], atol=1e-5)


def test_nothing_to_carry_changes_nothing(mn01):
    before = [np.array(weight) for weight in mn01.get_weights()]
    carry_over(spoilt("mn01", 5, 1), mn01, [])
    assert all(np.array_equal(old, new) for old, new in zip(before, mn01.get_weights(), strict=True))


@pytest.mark.parametrize("other", [("mn02", {}), ("mn01_fc", {}), ("passt", TINY)])
def test_heads_of_another_kind_or_width_are_refused(mn01, other):
    name, options = other
    with pytest.raises(AudiotagError, match=f"same architecture, received {name} and mn01"):
        carry_over(models.build(name, classes=5, **options), mn01, [(0, 0)])


def test_classes_match_by_id_before_name_and_by_name_in_any_case():
    theirs = Labels(("Bark", "Dog", "rain", "Fire"), ("/m/05tny_", "/m/0bt9lr", "rain", "/m/02_41"))
    ours = Labels(("Rain", "Woof", "DOG", "cat"), ("Rain", "/m/05tny_", "/x/1", "/x/2"))
    assert matching_classes(theirs, ours) == [(2, 0), (0, 1), (1, 2)]


def test_a_number_is_no_id_of_another_vocabulary():
    theirs, ours = Labels(("dog", "cat"), ("0", "1")), Labels(("cat", "cow"), ("0", "1"))
    assert matching_classes(theirs, ours) == [(1, 0)]
