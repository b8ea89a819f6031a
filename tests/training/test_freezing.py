"""Freezing: what must stay stays to the bit, what must move moves, on a network that has it all."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.mn import BLOCKS
from audiotag.models.parts import Parts
from audiotag.training import freeze, freeze_normalization
from audiotag.training.freezing import thaw
from audiotag.training.losses import loss_for
from audiotag.training.trainee import Trainee

# One step of each network: tracing it would take ten times as long.
pytestmark = pytest.mark.usefixtures("eager")

TINY = {"width": 8, "depth": 2, "heads": 2}
array = keras.ops.convert_to_numpy


def stages(network: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    return Parts(network).stages


def mn(**options) -> keras.Model:
    keras.utils.set_random_seed(1)
    network = models.build("mn01", classes=3, mels=32, **{"dropout": 0.0} | options)
    # Statistics as after training, but not those of the batch: what is frozen must use these.
    normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0
    network(np.random.default_rng(7).normal(0.3, 1.5, size=(6, 40, 32, 1)).astype(np.float32), training=True)
    for layer in normalizations:
        layer.momentum = 0.99
    return network


@pytest.fixture(scope="module")
def settled() -> tuple[keras.Model, list[np.ndarray]]:
    """Of seven blocks: more of them freeze no otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audiotag.models.mn.BLOCKS", BLOCKS[:7])
        network = mn()
    return network, network.get_weights()


@pytest.fixture
def network(settled: tuple[keras.Model, list[np.ndarray]]) -> keras.Model:
    """An MN as it was built, whatever the test before made of it."""
    network, weights = settled
    network.set_weights(weights)
    thaw(network)
    return network


def batch() -> dict[str, np.ndarray]:
    log_mel = np.random.default_rng(0).normal(size=(6, 40, 32, 1)).astype(np.float32)
    return {"log_mel": log_mel, "label": np.eye(3, dtype=np.float32)[[0, 1, 2, 2, 1, 0]]}


def moved(network: keras.Model) -> set[str]:
    """Variables that one training step changes, by path; seeds left out."""
    before = {weight.path: array(weight).copy() for weight in network.weights}
    Trainee(network, loss_for("multiclass"), keras.optimizers.SGD(0.5)).train_on_batch(batch())
    return {weight.path for weight in network.weights if not np.array_equal(array(weight), before[weight.path])}


def part_of(path: str) -> str:
    return path.split("/")[0].split("_")[0]


def test_parts_run_from_the_input_to_the_head():
    blocks = [f"block{number}" for number in range(1, 16)]
    with keras.StatelessScope(initialize_variables=False):
        whole, passt = (stages(models.build(name, classes=3)) for name in ("mn01", "passt"))
    assert list(whole) == ["stem", *blocks, "last", "head"]
    assert list(passt) == ["patches", *blocks[:12], "head"]
    weighted = [layer.name for layer in passt["patches"] if layer.weights]
    assert weighted == ["patches", "position", "tokens"]
    assert [layer.name for layer in passt["head"] if layer.weights] == [
        "normalization",
        "logits_normalization",
        "logits",
    ]


def test_layers_between_the_blocks_and_what_follows_belong_to_what_they_lead_to():
    network = models.build("transformer_gru", classes=3, mels=32, frames=50, width=0.25, units=8, depth=2, heads=2)
    layers = {name: [layer.name for layer in part if layer.weights] for name, part in stages(network).items()}
    blocks = [name for name in layers if name.startswith("block")]
    assert list(layers) == [*blocks, "encoder1", "encoder2", "gru1", "gru2", "head"]
    assert layers["encoder1"][:2] == ["tokens", "place"]
    assert layers["gru1"] == ["encoder_normalization", "gru1"]
    assert layers["head"] == ["gates", "frame_logits"]
    with keras.StatelessScope(initialize_variables=False):
        cnn = stages(models.build("cnn14", classes=3))
    assert [layer.name for layer in cnn["stem"] if layer.weights] == ["mel_normalization"]


@pytest.mark.parametrize("name", ["mn01", "dymn04", "yamnet", "crnn"])
def test_every_layer_is_in_one_part_and_every_part_has_weights(name):
    with keras.StatelessScope(initialize_variables=False):
        network = models.build(name, classes=3, frames=200)
    assert all(any(layer.weights for layer in part) for part in stages(network).values())
    assert sorted(layer.name for part in stages(network).values() for layer in part) == sorted(
        layer.name for layer in network.layers
    )


def test_a_step_moves_nothing_up_to_the_frozen_part_and_everything_above(network):
    freeze(network, "block1")
    paths = {weight.path for weight in network.weights}
    assert moved(network) == {path for path in paths if part_of(path) not in ("stem", "block1")}
    assert any(part_of(path) == "block7" for path in paths)


def test_frozen_convolutions_give_the_head_the_features_of_inference(network):
    log_mel, target = batch().values()
    pooled = models.embedding_network(network, "features")(log_mel)
    entry = keras.Input(pooled.shape[1:])
    head = keras.models.clone_model(network)
    head.set_weights(network.get_weights())
    x = head.get_layer("hidden_activation")(head.get_layer("hidden")(entry))
    alone = keras.Model(entry, head.get_layer("logits")(x))
    alone.compile(keras.optimizers.SGD(0.5), keras.losses.CategoricalCrossentropy(from_logits=True))
    alone.train_on_batch(pooled, target)
    freeze(network, "last")
    assert {part_of(path) for path in moved(network)} == {"hidden", "logits"}
    for name in ("hidden", "logits"):
        for ours, theirs in zip(network.get_layer(name).weights, alone.get_layer(name).weights, strict=True):
            np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-4, atol=1e-6)


def test_the_optimizer_knows_trained_variables_only(network):
    freeze(network, "last")
    model = Trainee(network, loss_for("multiclass"), keras.optimizers.Adam())
    moments = [variable for variable in model.optimizer.variables if variable.ndim]
    assert len(moments) == 2 * len(["hidden/kernel", "hidden/bias", "logits/kernel", "logits/bias"])


def test_patchout_goes_on_in_a_frozen_part():
    network = models.build("passt", classes=3, patchout_time=40, **TINY)
    freeze(network, "block2")
    log_mel = np.random.default_rng(0).normal(size=(1, 998, 128, 1)).astype(np.float32)
    first, second = (array(network(log_mel, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


def test_another_network_is_frozen_up_to_any_layer():
    entry = keras.Input((5,), name="entry")
    x = keras.layers.Dense(4, name="low")(entry)
    x = keras.layers.Dense(4, name="middle")(x)
    network = keras.Model(entry, keras.layers.Dense(3, name="top")(x), name="own")
    freeze(network, "middle")
    assert [weight.path for weight in network.trainable_weights] == ["top/kernel", "top/bias"]
    with pytest.raises(
        AudiotagError, match=r"leaves a part of own to train, received 'top'.*known: entry, low, middle"
    ):
        freeze(network, "top")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("blok7", "did you mean 'block7'"),
        ("block16", "freeze names the last frozen part of mn01: did you mean .block"),
        ("head", "leaves a part of mn01 to train, received 'head'"),
        ("block3_expand_convolution", "known: block1, "),
    ],
)
def test_a_part_that_cannot_be_the_last_frozen_one_is_refused_and_nothing_is_frozen(network, part, message):
    with pytest.raises(AudiotagError, match=message) as raised:
        freeze(network, part)
    assert "\n" not in str(raised.value)
    assert all(layer.trainable for layer in network.layers)


def test_frozen_normalization_stays_while_all_the_rest_trains(network):
    freeze_normalization(network)
    paths = {weight.path for weight in network.weights}
    assert moved(network) == {path for path in paths if "_normalization/" not in path}


@pytest.mark.usefixtures("few_blocks")
def test_frozen_normalization_leaves_the_head_its_own():
    network = mn(head="fully_convolutional", dropout=0.2)
    freeze_normalization(network)
    paths = {path for path in moved(network) if "_normalization/" in path}
    assert {path.split("/")[0] for path in paths} == {"logits_normalization"}
    assert {path.split("/")[1] for path in paths} >= {"moving_mean", "moving_variance"}


def test_frozen_normalization_reaches_into_a_network_within_a_network():
    entry = keras.Input((8,))
    inner = keras.Sequential([keras.layers.Dense(4), keras.layers.BatchNormalization(name="inside")], name="body")
    network = keras.Model(entry, keras.layers.Dense(2)(inner(entry)))
    freeze_normalization(network)
    assert [layer.name for layer in inner.layers if not layer.trainable] == ["inside"]
    thaw(network)
    assert all(layer.trainable for layer in inner.layers)


def test_a_network_without_batch_normalization_has_none_to_freeze():
    with pytest.raises(AudiotagError, match="passt has none: leave it out"):
        freeze_normalization(models.build("passt", classes=3, **TINY))
