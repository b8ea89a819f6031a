"""Every family of networks: saved, opened again on each backend, and where audiotag is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_process import module_of

check = module_of(Path(__file__).with_name("family_check.py"))

# The families that have layers which Keras lacks: for them `import audiotag` is needed.
OWN_LAYERS = {"dymn", "dymn replace_se", "passt", "passt frames"}
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def written(tmp_path_factory, kept_process) -> Path:
    folder = tmp_path_factory.mktemp("families")
    kept_process("tensorflow").call(check.write, folder)
    return folder


@pytest.mark.parametrize(
    ("backend", "families"),
    [
        ("torch", list(check.FAMILIES)),
        ("jax", ["mn frames", "passt frames", "crnn", "cnn_transformer", "transformer_gru", "yamnet", "cnn6"]),
        pytest.param("jax", list(check.FAMILIES), marks=pytest.mark.slow),
        pytest.param("tensorflow", list(check.FAMILIES), marks=pytest.mark.slow),
    ],
)
def test_a_family_opens_with_the_same_logits(written, kept_process, backend, families):
    differences = kept_process(backend).call(check.opened, written, families)
    assert list(differences) == families
    assert {
        name: difference
        for name, difference in differences.items()
        if isinstance(difference, str) or not difference <= TOLERANCE
    } == {}


def test_plain_keras_opens_all_but_the_families_with_layers_of_their_own(written, kept_process):
    differences = kept_process("tensorflow", audiotag=False).call(check.opened, written, list(check.FAMILIES))
    assert len(differences) == 15
    closed = {name for name, difference in differences.items() if isinstance(difference, str)}
    assert closed == OWN_LAYERS
    assert all(difference <= TOLERANCE for name, difference in differences.items() if name not in OWN_LAYERS)
