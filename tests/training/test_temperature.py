"""The temperature of dynamic convolutions follows the epoch, and reaches compiled steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import keras
import numpy as np
import pytest

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.models.dynamic import DynamicConvolution, DynamicPointwise
from audiotag.training import Recipe, Temperature, fitting
from audiotag.training.losses import loss_for
from audiotag.training.recipe import resolve
from audiotag.training.trainee import Lesson, Trainee


class Watch(keras.callbacks.Callback):
    """Notes the temperatures of a network after every epoch."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network
        self.temperatures: list[set[float]] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.temperatures.append(of(self.network))


def of(network: keras.Model) -> set[float]:
    dynamic = [layer for layer in network.layers if isinstance(layer, DynamicConvolution)]
    return {float(layer.temperature) for layer in dynamic}


def test_the_published_schedule_has_its_published_values() -> None:
    temperature = Temperature()
    assert [temperature(epoch) for epoch in (0, 1, 10, 28)] == [30, 29, 20, 2]
    assert [temperature(epoch) for epoch in range(200)] == pytest.approx(
        [max(30 - epoch, 1.58 - 0.02 * epoch, 1) for epoch in range(200)]
    )
    assert temperature(199) == 1


def test_a_schedule_from_1_stays_there() -> None:
    assert {Temperature(start=1.0)(epoch) for epoch in range(50)} == {1.0}


@pytest.mark.slow
def test_every_epoch_of_a_run_resumed_too_has_its_temperature_in_the_network_behind_the_trainee() -> None:
    network = models.build("dymn01", classes=3, mels=16)
    lesson = Lesson(stored=True, label_weight=0.5)
    model = Trainee(network, loss_for("multiclass"), keras.optimizers.SGD(0.01), lesson)
    log_mel = np.random.default_rng(0).normal(size=(4, 20, 16, 1)).astype(np.float32)
    target = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    batch = {"log_mel": log_mel, "label": target, "distillation": target}
    watch = Watch(network)
    settings = {"batch_size": 4, "verbose": 0, "callbacks": [Temperature(start=8.0), watch]}
    model.fit(batch, epochs=2, **settings)
    model.fit(batch, initial_epoch=5, epochs=6, **settings)
    assert watch.temperatures == [{8.0}, {7.0}, {3.0}]
    assert not any(weight.name == "temperature" for weight in model.trainable_weights)


def test_a_compiled_step_uses_the_new_temperature_and_is_not_compiled_anew() -> None:
    traces = []

    class Counted(DynamicPointwise):
        def call(self, inputs):
            traces.append(1)
            return super().call(inputs)

    keras.utils.set_random_seed(0)
    spectrogram, context = keras.Input((4, 4, 3)), keras.Input((5,))
    layer = Counted(1, name="dynamic")
    y = keras.layers.GlobalAveragePooling2D()(layer([spectrogram, context]))
    inside = keras.Model([spectrogram, context], y)
    model = keras.Model(inside.input, inside(inside.input))
    generator = np.random.default_rng(0)
    inputs = [generator.normal(size=shape).astype(np.float32) for shape in ((8, 4, 4, 3), (8, 5))]
    layer.attention_kernel.assign(generator.normal(size=(5, 4)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    settings = {"epochs": 1, "batch_size": 8, "verbose": 0, "callbacks": [Temperature(start=1000.0)]}
    targets = np.zeros((8, 1), np.float32)
    hot = model.fit(inputs, targets, **settings).history["loss"]
    traced = len(traces)
    cold = model.fit(inputs, targets, **settings | {"initial_epoch": 9999, "epochs": 10_000}).history["loss"]
    assert len(traces) == traced

    def loss(temperature: float) -> float:
        layer.temperature.assign(temperature)
        return float(np.square(keras.ops.convert_to_numpy(inside(inputs))).mean())

    assert [*hot, *cold] == pytest.approx([loss(1000.0), loss(1.0)], rel=1e-4)
    assert abs(hot[0] - cold[0]) > 0.01 * hot[0]


@pytest.mark.usefixtures("few_blocks")
def test_a_network_without_dynamic_convolutions_is_refused() -> None:
    model = models.build("mn01", classes=2, mels=16)
    model.compile("sgd", "mse")
    with pytest.raises(AudiotagError, match="mn01 has none: leave Temperature out"):
        model.fit(np.zeros((2, 20, 16, 1)), np.zeros((2, 2)), verbose=0, callbacks=[Temperature()])


@pytest.mark.parametrize(("settings", "message"), [({"start": 0.5}, "start 0.5"), ({"fall": 0}, "fall 0"),
                                                ({"slow_fall": -1}, "slow_fall -1")])  # fmt: skip
def test_a_value_outside_its_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        Temperature(**settings)


@pytest.fixture(scope="module")
def untrained() -> Callable[[str], keras.Model]:
    """Networks by name, each built once."""
    return cache(lambda name: models.build(name, classes=3, mels=16))


@pytest.mark.parametrize(
    ("model", "weights", "epochs", "falls"),
    [
        ("dymn04", None, 200, [1.0]),
        ("dymn04", None, 10, [29 / 8]),
        ("dymn04", "dymn04_im", 200, [1.0]),
        ("dymn04", "audioset", 200, []),
        ("dymn04", "dymn04_as", 200, []),
        ("dymn04", "known.keras", 200, []),
        ("mn04", None, 200, []),
    ],
)
def test_a_run_cools_a_dymn_that_has_heard_nothing_yet(
    tones, tmp_path, monkeypatch, untrained, model, weights, epochs, falls
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "known.keras").touch()
    recipe = resolve(Recipe(tones.path, model=model, weights=weights, epochs=epochs, batch_size=6), tones)
    temperature = fitting.cooling(untrained(model), recipe)
    assert ([] if temperature is None else [temperature.fall]) == falls
