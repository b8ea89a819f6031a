"""Exported files where nothing is installed but a runtime and NumPy: no TensorFlow, no Keras, no audiotag."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.export import Form, export
from tests.export.bare import environment, run

ALONE = """
import importlib.util
for name in ("tensorflow", "keras", "audiotag"):
    assert importlib.util.find_spec(name) is None, name
"""
LITERT = """
import json, zipfile
import numpy as np
from ai_edge_litert.interpreter import Interpreter

waveforms = np.load("waveforms.npy")
tagger = Interpreter("x.tflite").get_signature_runner("serving_default")
np.save("scores.npy", np.concatenate([tagger(waveform=each[None])["scores"] for each in waveforms]))
with zipfile.ZipFile("x.tflite") as archive:
    card = json.loads(archive.read("audiotag.json"))
print(card["clip_format"]["labels"]["names"], card["clip_format"]["front_end"]["sample_rate"], card["length"])
"""
ONNX = """
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("x.onnx")
(scores,) = session.run(["scores"], {"waveform": np.load("waveforms.npy")})
np.save("scores.npy", scores)
card = json.loads(session.get_modelmeta().custom_metadata_map["audiotag"])
print(card["clip_format"]["labels"]["names"], card["clip_format"]["front_end"]["sample_rate"], card["length"])
"""


@pytest.mark.parametrize(
    ("to", "package", "file", "script"),
    [("litert", "ai-edge-litert", "x.tflite", LITERT), ("onnx", "onnxruntime", "x.onnx", ONNX)],
)
def test_a_runtime_and_numpy_are_enough(saved, tagger, waveforms, tmp_path, to, package, file, script) -> None:
    export(saved(), Form(to), tmp_path / file)
    np.save(tmp_path / "waveforms.npy", waveforms)
    printed = run(ALONE + script, environment(package, tmp_path / "packages"), tmp_path)
    assert printed.split("\n")[-2] == "['Dog', 'Cat, or so', 'Löwe'] 8000 2000"
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), tagger()(waveforms).numpy(), atol=2e-5)
