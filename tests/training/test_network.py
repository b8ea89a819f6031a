"""Where a run starts: heads that take over known classes, and frozen parts, from files of weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from audiotag import frontend, models
from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.task import Task
from audiotag.training import Recipe
from audiotag.training.network import counts, starting_network

OLD = Labels(("dog", "cat", "rain"))
FRONT_END = dataclasses.replace(frontend.preset("efficientat"), mels=32)
TINY = {"width": 8, "depth": 1, "heads": 2}
array = keras.ops.convert_to_numpy


def a_data_set(*names: str, task: str = "multilabel", ids: tuple[str, ...] = (), mels: int = 32) -> Any:
    front_end = dataclasses.replace(FRONT_END, mels=mels)
    return SimpleNamespace(
        takes="log_mel", name="farm", labels=Labels(names, ids), task=Task(task), front_end=front_end, frames=50
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A student of three classes, every weight another number."""
    network = models.build("passt", classes=3, mels=32, frames=50, **TINY)
    generator = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    card = models.ModelCard("old", ClipFormat(OLD, FRONT_END, "multilabel", 1.0))
    return str(models.save(network, tmp_path_factory.mktemp("old") / "student.keras", card))


def columns(network: keras.Model) -> np.ndarray:
    """Kernel and bias of every output: (classes, inputs + 1)."""
    layer = network.get_layer("logits")
    return np.concatenate([array(layer.kernel), array(layer.bias)[None]]).T


@pytest.fixture(scope="module")
def old(weights: str) -> keras.Model:
    """The network of that file, only to be read."""
    return models.load(weights)[0]


def start(weights: str | None, data: Any, head: str = "tokens", **choices: Any) -> tuple[keras.Model, str]:
    options = TINY | {"head": head}
    return starting_network(Recipe("data", model="passt", weights=weights, model_options=options, **choices), data)


def test_known_classes_of_a_multilabel_set_begin_where_they_were(weights: str, old: keras.Model) -> None:
    network, note = start(weights, a_data_set("Rain", "cow", "dog", "goat"), new_head=True)
    new = columns(network)
    np.testing.assert_array_equal(new[[0, 2]], columns(old)[[2, 0]])
    assert np.abs(new[[1, 3]]).max() < 0.5
    assert note == f"New head: 2 of 4 classes carried over from {weights}"


def test_the_classes_of_a_multiclass_set_are_carried_over_all_or_none(weights: str, old: keras.Model) -> None:
    network, note = start(weights, a_data_set("rain", "dog", task="multiclass"), new_head=True)
    np.testing.assert_array_equal(columns(network), columns(old)[[2, 0]])
    assert note.startswith("New head: 2 of 2 classes carried over")
    network, note = start(weights, a_data_set("rain", "dog", "cow", task="multiclass"), new_head=True)
    assert np.abs(columns(network)).max() < 0.5
    assert note.startswith(f"New head, at random: {weights} knows 2 of 3 classes, and of a multiclass set all are")


def test_a_head_of_another_kind_takes_nothing_over(weights: str, old: keras.Model) -> None:
    network, note = start(weights, a_data_set("rain", "dog"), head="frames", new_head=True)
    np.testing.assert_array_equal(
        array(network.get_layer("block1_mlp_output").kernel), array(old.get_layer("block1_mlp_output").kernel)
    )
    assert network.get_layer("frame_logits").units == 2
    assert note == f"New head, at random: that of {weights} is of another kind"


def test_the_same_classes_in_another_order_are_no_longer_the_same_outputs(weights: str, old: keras.Model) -> None:
    data = a_data_set("rain", "cat", "dog")
    for choice in (None, False):
        with pytest.raises(
            AudiotagError, match=r"name other classes than farm \('dog' where it has 'rain'\): .*--new-head"
        ):
            start(weights, data, new_head=choice)
    np.testing.assert_array_equal(columns(start(weights, data, new_head=True)[0]), columns(old)[[2, 1, 0]])


def test_the_same_classes_need_no_new_head_whatever_the_case_of_their_names(weights: str, old: keras.Model) -> None:
    for data in (a_data_set("Dog", "Cat", "Rain"), a_data_set("hund", "katze", "regen", ids=OLD.ids)):
        network, note = start(weights, data)
        np.testing.assert_array_equal(columns(network), columns(old))
        assert note == ""


def test_a_file_with_another_number_of_classes_needs_leave(weights: str) -> None:
    for choice in (None, False):
        with pytest.raises(AudiotagError, match="has 3 classes, the network 2") as raised:
            start(weights, a_data_set("dog", "cow"), new_head=choice)
        assert "\n" not in str(raised.value)


@pytest.fixture
def published(shared: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The published weights in a cache that was filled by hand."""
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    (tmp_path / "mn04_as_mAP_432.pt").symlink_to(shared("weights/mn04_as_mAP_432.pt"))


@pytest.mark.usefixtures("published")
def test_published_weights_give_their_outputs_to_the_classes_of_audioset(shared: Any) -> None:
    data = a_data_set("bird", "woof", ids=("bird", "/m/0bt9lr"), mels=128)
    audioset = models.audioset_labels()
    published = models.load_state_dict(shared("weights/mn04_as_mAP_432.pt"))
    whole = np.column_stack([published["classifier.5.weight"], published["classifier.5.bias"]])
    for name in ("audioset", "mn04_as"):
        network, note = starting_network(Recipe("data", model="mn04", weights=name), data)
        expected = whole[[audioset.index("Bird"), audioset.index("Dog")]]
        np.testing.assert_array_equal(columns(network), expected)
        assert note == f"New head: 2 of 2 classes carried over from {name}"
    with pytest.raises(AudiotagError, match="527 classes"):
        starting_network(Recipe("data", model="mn04", weights="mn04_as", new_head=False), data)


@pytest.mark.usefixtures("published")
def test_the_body_of_an_mn_starts_an_fmn_on_its_own_log_mel() -> None:
    data = a_data_set("bird", "woof", mels=128)
    network, note = starting_network(Recipe("data", model="fmn04", weights="mn04_as"), data)
    assert network.output_shape == (None, 2)
    assert note.startswith("Sequence model and head at random, what is below them from mn04_as (--option dilated=true")
    dilated = Recipe("data", model="fmn04", model_options={"dilated": True}, weights="mn04_as")
    assert starting_network(dilated, data)[1].endswith("from mn04_as")
    data.front_end = frontend.preset("efficientsed")
    with pytest.raises(AudiotagError, match="front end"):
        starting_network(Recipe("data", model="fmn04", weights="mn04_as"), data)


def test_a_checkpoint_does_not_say_its_classes(shared: Any) -> None:
    file = str(shared("golden/mn04_as.safetensors"))
    network, note = starting_network(
        Recipe("data", model="mn04", weights=file, new_head=True), a_data_set("dog", mels=128)
    )
    assert network.output_shape == (None, 1)
    assert note == f"New head, at random: {file} does not say its classes"


def test_frozen_parts_are_marked_and_counted(weights: str, few_blocks: None, tmp_path: Path) -> None:
    network, _ = start(weights, a_data_set(*OLD), freeze="block1")
    above = {"normalization", "logits_normalization", "logits"}
    assert {weight.path.split("/")[0] for weight in network.trainable_weights} == above
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    every = models.parameters(network)
    assert counts(network) == f"Training {trained:,} of {every:,} parameters, {every - trained:,} frozen"
    mn = models.save(models.build("mn01", classes=3, mels=32), tmp_path / "mn.keras", models.card(weights))
    recipe = Recipe("data", model="mn01", weights=str(mn), freeze_normalization=True)
    network, _ = starting_network(recipe, a_data_set(*OLD))
    assert not any("_normalization" in weight.path for weight in network.trainable_weights)


def test_the_parts_of_a_whole_network_are_all_trained() -> None:
    network, note = start(None, a_data_set("dog", "cow"))
    assert counts(network) == ""
    assert note == ""


@pytest.mark.parametrize(
    ("choices", "message"),
    [({"freeze": "blok1"}, "did you mean 'block1'"), ({"freeze": "head"}, "leaves a part of passt to train")],
)
def test_a_part_that_cannot_be_frozen_is_refused(weights: str, choices: dict[str, Any], message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        start(weights, a_data_set(*OLD), **choices)
