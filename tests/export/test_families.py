"""Every family of networks in both formats, clips and steps of time, equal to Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, models
from audiotag.export import Form, export
from audiotag.frontend import preset
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger
from tests.export.test_hard_swish import stirred

SMALL = {"width": 32, "depth": 2, "heads": 2}
FAMILIES = {
    "mn04": ("efficientat", 2.0, {"head": "frames"}),
    "dymn04": ("efficientat", 2.0, {}),
    "passt": ("passt", 10.0, SMALL),
    "yamnet": ("yamnet", 0.975, {}),
    "cnn10": ("panns", 2.0, {}),
    "crnn": ("efficientat", 2.0, {}),
    "cnn_transformer": ("efficientat", 2.0, {}),
    "transformer_gru": ("efficientat", 2.0, {}),
    **{f"fmn04+{kind}-32": ("efficientsed", 2.0, {}) for kind in ("gru", "tf", "att", "tcn", "hybrid")},
}
KEEP_TIME = ("mn04", "crnn", "cnn_transformer", "transformer_gru", "fmn")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["litert", "onnx"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_exported(name: str, to: str, tmp_path: Path) -> None:
    front_end, seconds, options = FAMILIES[name]
    config = preset(front_end)
    network = stirred(models.build(name, classes=5, mels=config.mels, **options))
    tagger = AudioTagger(network, Labels(tuple("abcde")), config, seconds=seconds)
    source = models.save(tagger, tmp_path / "tagger.keras")
    draws = np.random.default_rng(0)
    for number, level in enumerate((0.3, 0.03, 0.003)):
        noise = draws.normal(scale=level, size=round(seconds * config.sample_rate)).astype(np.float32)
        audio.write(tmp_path / "sounds" / f"{number}.wav", np.clip(noise, -1, 1), config.sample_rate)
    frames = name.startswith(KEEP_TIME)
    out = tmp_path / ("x.tflite" if to == "litert" else "x.onnx")
    parity = export(source, Form(to, frames=frames), out, clips=tmp_path / "sounds").parity
    assert parity.largest < 1e-4
    assert list(parity.others) == (["frames"] if frames else [])
    assert all(share < 1e-3 for share in parity.others.values())
