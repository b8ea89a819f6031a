"""Every family of networks: saved, opened again on each backend, and where audiotag is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_process import module_of

pytestmark = pytest.mark.slow

check = module_of(Path(__file__).with_name("family_check.py"))

# The families that have layers which Keras lacks: for them `import audiotag` is needed.
OWN_LAYERS = {"dymn", "dymn replace_se", "fmn tf", "fmn att", "fmn hybrid", "passt", "passt frames"}
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def written(tmp_path_factory, kept_process) -> Path:
    folder = tmp_path_factory.mktemp("families")
    kept_process("tensorflow").call(check.write, folder)
    return folder


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_a_family_opens_with_the_same_logits(written, kept_process, backend):
    differences = kept_process(backend).call(check.opened, written, list(check.FAMILIES))
    assert list(differences) == list(check.FAMILIES)
    assert {
        name: difference
        for name, difference in differences.items()
        if isinstance(difference, str) or not difference <= TOLERANCE
    } == {}


def test_plain_keras_opens_all_but_the_families_with_layers_of_their_own(written, kept_process):
    differences = kept_process("tensorflow", audiotag=False).call(check.opened, written, list(check.FAMILIES))
    assert len(differences) == 21
    closed = {name for name, difference in differences.items() if isinstance(difference, str)}
    assert closed == OWN_LAYERS
    assert all(difference <= TOLERANCE for name, difference in differences.items() if name not in OWN_LAYERS)
