"""The twin of a network learns what the network does, into the same variables, on TensorFlow, JAX and PyTorch."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import plain_keras
import pytest
from kept_process import module_of

from audiotag.training.fused import twin_of

pytestmark = pytest.mark.usefixtures("eager")

check = module_of(Path(__file__).with_name("fused_check.py"))
BACKENDS = ("tensorflow", "jax", "torch")
NORMALIZED = ("stem", "low", "project", "strided", "dilated")


@pytest.fixture(params=["tensorflow", *(pytest.param(name, marks=pytest.mark.slow) for name in ("torch", "jax"))])
def process(kept_process, request):
    return kept_process(request.param)


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_layers_that_have_a_faster_form_are_replaced(kept_process, backend):
    normalizations = {f"{name}_normalization": "Normalization" for name in NORMALIZED}
    # A map that is not only activated, and an axis that is not the last, are left alone.
    merged = {f"{name}_activation": "Identity" for name in NORMALIZED if name != "project"}
    padded = {f"{name}_padding": "Identity" for name in ("stem", "strided")}
    convolutions = dict.fromkeys((*(f"{name}_convolution" for name in NORMALIZED), "biased"), "Convolution")
    more = {"tensorflow": {}, "jax": merged | {"low_convolution": "Depthwise"}, "torch": padded | convolutions}
    assert kept_process(backend).call(check.kinds) == normalizations | more[backend]


def test_a_step_moves_every_variable_as_keras_own_layers_do(process, kept_process, tmp_path):
    path = tmp_path / "trained.keras"
    apart = process.call(check.differences, ("mixed_bfloat16", "float32"), path)
    assert apart["float32"] < 1e-5
    assert apart["mixed_bfloat16"] < 0.3
    # Where audiotag cannot be imported, the file opens.
    [alone] = kept_process("tensorflow", audiotag=False).call(plain_keras.outputs, path, [check.batch()[0]])
    np.testing.assert_allclose(alone, process.call(check.opened, path), atol=1e-4)


@pytest.mark.slow
def test_gradients_in_float64_are_those_of_automatic_differentiation(kept_process):
    differences = kept_process("jax").call(check.gradients)
    assert {form: difference for form, difference in differences.items() if not difference < 1e-12} == {}


def test_the_twin_predicts_what_the_network_predicts(process):
    assert process.call(check.inference) < 1e-5


def test_frozen_layers_keep_their_statistics(process):
    kept, all_variables = process.call(check.frozen)
    assert kept == 0 and all_variables > 1e-3


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_statistics_are_exact_where_the_mean_is_far_from_0(process, policy):
    outcome = process.call(check.statistics, policy)
    assert outcome["output dtype"] == policy.removeprefix("mixed_")
    assert outcome["variance dtype"] == "float32"
    assert outcome["mean"] < 5e-4 and outcome["variance"] < 5e-5
    assert outcome["output"] < {"float32": 1e-3, "mixed_bfloat16": 0.04, "mixed_float16": 0.005}[policy]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mn04", "dymn04", "cnn6", "yamnet"])
def test_networks_learn_through_their_twins_as_without(process, name):
    assert process.call(check.of_family, name) < 1e-3


@pytest.mark.slow
def test_a_step_in_float16_is_near_one_in_float32(process):
    assert process.call(check.differences, ("mixed_float16",))["mixed_float16"] < 0.02


def test_on_a_cpu_jax_keeps_keras_own_layers(kept_process):
    assert kept_process("jax").call(check.kinds, False) == {}


def test_a_network_without_such_layers_is_its_own_twin():
    entry = keras.Input((4,))
    network = keras.Model(entry, keras.layers.Dense(2)(entry))
    assert twin_of(network) is network
