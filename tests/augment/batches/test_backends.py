"""Compiled on TensorFlow, JAX and PyTorch: from the numbers that are drawn there, the batch that comes of them here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kept_process import module_of

from audiotag.augment.batches import AUGMENTATIONS, BatchPolicy

check = module_of(Path(__file__).with_name("backend_check.py"))

SETTINGS = {
    "mixup": 0.3,
    "roll": 10,
    "gain": 12.0,
    "filter_augment": 6.0,
    "freq_mix_style": 1.0,
    "frequency_shift": 2,
    "erase_bands": 0.1,
    "frequency_mask": {"bands": 4, "masks": 2},
    "time_mask": 8,
}
TOLERANCE = 1e-4


@pytest.mark.parametrize(
    ("backend", "xla"),
    [
        ("tensorflow", False),
        ("jax", True),
        ("torch", False),
        pytest.param("tensorflow", True, marks=pytest.mark.slow),
    ],
)
def test_a_compiled_policy_gives_the_batch_of_its_numbers(backend, xla, kept_process, batch, applied) -> None:
    assert SETTINGS.keys() == AUGMENTATIONS.keys()
    steps = kept_process(backend).call(check.steps, SETTINGS, batch, xla)
    for step in steps:
        before = batch
        for name, layer in zip(SETTINGS, BatchPolicy(SETTINGS).augmentations, strict=True):
            numbers, received = step[name]
            expected = applied(layer, before, numbers)
            assert expected.keys() == received.keys()
            for part in batch:
                np.testing.assert_allclose(received[part], expected[part], atol=TOLERANCE, err_msg=f"{part}, {name}")
            before = received
    last = [step["time_mask"][1]["log_mel"] for step in steps]
    assert np.abs(last[0] - last[1]).max() > 0.01
