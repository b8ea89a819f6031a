"""The graph of a network: every layer once a call, connected as it is called, folded by blocks."""

from __future__ import annotations

import keras

from audiotag import models
from audiotag.tensorboard import graph


def edges(network) -> dict[str, list[str]]:
    return {node.name: list(node.input) for node in graph.definition(network).node}


def test_blocks_become_scopes_and_layers_are_connected() -> None:
    inputs = keras.Input((8, 4, 1), name="log_mel")
    first = keras.layers.Conv2D(1, 1, name="block1_convolution")(inputs)
    second = keras.layers.Activation("relu", name="block1_activation")(first)
    added = keras.layers.Add(name="block1")([second, inputs])
    found = edges(keras.Model(inputs, keras.layers.Flatten(name="logits")(added)))
    assert found == {
        "log_mel": [],
        "block1/convolution": ["log_mel"],
        "block1/activation": ["block1/convolution"],
        "block1/block1": ["block1/activation", "log_mel"],
        "logits": ["block1/block1"],
    }


def test_a_layer_carries_its_shapes_settings_and_parameters() -> None:
    inputs = keras.Input((8, 4, 1))
    network = keras.Model(inputs, keras.layers.Conv2D(6, 3, activation="relu", name="conv")(inputs))
    node = next(node for node in graph.definition(network).node if node.name == "conv")
    assert node.op == "Conv2D"
    assert [dim.size for dim in node.attr["_output_shapes"].list.shape[0].dim] == [-1, 6, 2, 6]
    said = {name: value.s.decode() for name, value in node.attr.items() if value.s}
    assert said["parameters"] == "60" and said["filters"] == "6"
    assert said["kernel_size"] == "(3, 3)" and said["activation"] == "relu"


def test_a_model_inside_the_model_is_a_scope_at_each_of_its_calls() -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="one")], name="inner")
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    out = keras.layers.Add(name="sum")([inner(left), inner(right)])
    assert edges(keras.Model([left, right], out)) == {
        "left": [],
        "right": [],
        "inner/one": ["left"],
        "inner_2/one": ["right"],
        "sum": ["inner/one", "inner_2/one"],
    }


def test_every_layer_of_a_real_network_is_there_and_every_input_exists() -> None:
    network = models.build("mn04", classes=5)
    found = edges(network)
    assert len(found) == len(network.layers)
    assert {source for sources in found.values() for source in sources} <= found.keys()
    assert "block5/depthwise_convolution" in found


def test_a_network_of_its_own_class_has_no_definition() -> None:
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    assert not graph.is_functional(Own())
    assert graph.is_functional(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
