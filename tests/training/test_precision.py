"""A network computes in half precision while it trains, and is float32 before and after, in its file too."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.training import Recipe, precision
from audiotag.training.fitting import Training, fit
from audiotag.training.optimizers import optimizer
from audiotag.training.recipe import resolve

pytestmark = pytest.mark.usefixtures("eager")


def test_all_but_the_last_layer_compute_in_bfloat16_within_the_block_alone(network: Callable[..., Any]) -> None:
    net, log_mel = network(), np.random.default_rng(0).normal(size=(4, 20, 16, 1)).astype("float32")
    before = np.array(net(log_mel))
    with precision.computing_in("bfloat16", net):
        kinds = {layer.compute_dtype for layer in net.layers if layer.weights}
        within = net(log_mel)
        assert (net.layers[-1].compute_dtype, kinds) == ("float32", {"bfloat16", "float32"})
        assert keras.backend.standardize_dtype(within.dtype) == "float32"
    assert 0 < np.abs(np.array(within) - before).max() < 0.1
    np.testing.assert_array_equal(net(log_mel), before)


def test_the_file_of_a_run_in_bfloat16_is_float32(
    tones: records.Data, network: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = Recipe(tones.path, epochs=1, batch_size=6, precision="bfloat16")
    run = fit(Training(network(), tones, resolve(recipe, tones), tmp_path))
    for file in (run.student, run.tagger):
        with zipfile.ZipFile(file) as archive:
            assert b"mixed" not in archive.read("config.json")


def test_a_precision_that_the_device_lacks_is_refused(
    network: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks(*arguments: Any, **options: Any) -> Any:
        raise NotImplementedError("no such kernel")

    monkeypatch.setattr(keras.ops, "depthwise_conv", lacks)
    with (
        pytest.raises(AudiotagError, match=r"no convolutions of float16 .* train in float32"),
        precision.computing_in("float16", network()),
    ):
        pass


def test_gradients_of_several_batches_make_one_step_and_are_clipped_together(network: Callable[..., Any]) -> None:
    recipe = Recipe("data", accumulate=2, clip=1e-6, learning_rate=0.1, epochs=1)
    variable = keras.Variable(np.zeros(3, np.float32))
    made = optimizer(recipe, network())
    made.build([variable])
    made.apply([np.array([3.0, 0.0, 4.0], np.float32)], [variable])
    assert not np.array(variable).any()
    made.apply([np.array([3.0, 0.0, 4.0], np.float32)], [variable])
    moved = np.array(variable)
    # Clipped to a millionth, the gradient is not far above Adam's epsilon: unclipped, every step is the learning rate.
    assert moved[1] == 0
    assert (moved[[0, 2]] < 0).all()
    assert (np.abs(moved) < 0.099).all()
