"""Layer-wise rates against Adam by hand, on TensorFlow, JAX and PyTorch."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from kept_process import module_of

from audiotag import models
from audiotag.errors import AudiotagError
from audiotag.training import LayerwiseAdam, layer_rates

pytestmark = pytest.mark.usefixtures("eager")

check = module_of(Path(__file__).with_name("layerwise_check.py"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_variable_moves_by_its_own_rate(kept_process, backend):
    report = kept_process(backend).call(check.report)
    assert report["way"] > 0.05
    assert {name: report[name] for name in ("layer-wise", "even", "frozen") if not report[name] < 2e-6} == {}
    assert report["shapes"], "a checkpoint of it is one of Adam"
    assert report["config"]


def test_the_head_has_the_full_rate_and_each_part_below_a_fraction():
    rates = layer_rates(models.build("mn01", classes=3), 0.5)
    assert (rates["logits/kernel"], rates["hidden/bias"]) == (1.0, 1.0)
    assert rates["last_convolution/kernel"] == 0.5
    assert rates["block15_project_normalization/gamma"] == 0.25
    assert rates["block1_depthwise_convolution/kernel"] == 0.5**16
    assert rates["stem_convolution/kernel"] == 0.5**17
    passt = layer_rates(models.build("passt", classes=3, width=8, depth=2, heads=2), 0.1)
    assert passt["normalization/gamma"] == 1.0
    assert {passt[path] for path in passt if path.startswith("block2_")} == {0.1}
    assert {passt[path] for path in passt if path.split("/")[0] in ("patches", "position", "tokens")} == {0.1**3}


@pytest.mark.parametrize("decay", [0.0, -0.5, 1.1, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(AudiotagError, match=f"at most 1 .*received {decay}"):
        layer_rates(models.build("mn01", classes=3), decay)


def test_a_variable_without_a_factor_is_named():
    optimizer = LayerwiseAdam(rates={"other/kernel": 1.0})
    with pytest.raises(AudiotagError, match="none for weight: add it"):
        optimizer.build([keras.Variable([1.0], name="weight")])
