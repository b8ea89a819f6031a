"""Run by test_golden.py in a process of its own: golden vectors on the backend that KERAS_BACKEND names, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np

from audiotag import models

MHAP = {"head": "multihead_attention_pooling"}
TINY = {"width": 96, "depth": 3, "heads": 3}
CASES = {
    "mn04_as_mAP_432": ("mn04", 527, "weights/mn04_as_mAP_432.pt", {}),
    "mn04_as": ("mn04", 527, "golden/mn04_as.safetensors", {}),
    "mn01_fc_s2211": ("mn01_fc_s2211", 50, "golden/mn01_fc_s2211.safetensors", {}),
    "mn01_mhap": ("mn01", 50, "golden/mn01_mhap.safetensors", MHAP),
    "passt_tiny": ("passt", 527, "golden/passt_tiny.safetensors", TINY),
}


def differences(shared: Path, name: str) -> dict[str, float]:
    """Largest absolute difference from the published implementation, for every output and input length."""
    architecture, classes, weights, options = CASES[name]
    network = models.build(architecture, classes=classes, weights=shared / weights, **options)
    both = keras.Model(network.input, [network.output, models.features(network).output])
    golden = np.load(shared / f"golden/{name}_io.npz")
    found = {}
    for key in golden.files:
        if key.startswith("log_mel"):
            length = key.removeprefix("log_mel")
            outputs = both.predict(golden[key].transpose(0, 3, 2, 1), verbose=0)
            for what, output in zip(("logits", "features"), outputs, strict=True):
                expected = golden[what + length]
                assert output.shape == expected.shape
                found[f"{name} {what}{length}"] = float(np.abs(output - expected).max())
    return found


if __name__ == "__main__":
    found = {"backend": keras.backend.backend()}
    for name in sys.argv[2:]:
        found |= differences(Path(sys.argv[1]), name)
    print(json.dumps(found))
