"""The published numbers, patchout and training, on TensorFlow, JAX and PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kept_process import module_of

check = module_of(Path(__file__).with_name("backend_check.py"))

TOLERANCE = 1e-4
BACKENDS = ("tensorflow", "jax", "torch")
# Of all that JAX compiles, an MN, a PaSST and a DyMN's own layers say most.
LONG = [("jax", name) for name in ("mn04_as", "mn01_fc_s2211", "mn01_mhap", "dymn04_as")]
GOLDEN = [
    pytest.param(backend, name, marks=[pytest.mark.slow] * ((backend, name) in LONG))
    for backend in BACKENDS
    for name in check.CASES
]


@pytest.mark.parametrize(("backend", "name"), GOLDEN)
def test_the_golden_vectors_hold(kept_process, shared, backend, name):
    differences = kept_process(backend).call(check.golden_differences, shared("golden").parent, name)
    assert differences
    assert {output: difference for output, difference in differences.items() if not difference < TOLERANCE} == {}


def test_dynamic_layers_give_the_same_on_jax(kept_process):
    # test_dymn.py holds them to NumPy on TensorFlow.
    outputs = [kept_process(backend).call(check.dynamic_outputs) for backend in ("tensorflow", "jax")]
    for ours, theirs in zip(*outputs, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=TOLERANCE)


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow), "torch"])
def test_patchout_positions_and_training_do_what_they_should(kept_process, backend):
    facts = kept_process(backend).call(check.facts)
    assert facts
    assert [fact for fact, holds in facts.items() if not holds] == []
