"""Speed of models: every one is opened in a process of its own, and what is said of it is its own."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from audiotag import AudiotagError
from audiotag.export import Form, export
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.scorers import speed
from audiotag.tagging import AudioTagger

FRONT_END = LogMelConfig(name="small", sample_rate=8000, window=200, hop=80, fft=256, mels=16, fmax=4000.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same small network in two formats; that of LiteRT takes windows of 2 s, that of ONNX of 1 s."""
    folder = tmp_path_factory.mktemp("files")
    entry = keras.Input((None, 16, 1))
    logits = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(entry)))
    tagger = AudioTagger(keras.Model(entry, logits), Labels(("a", "b")), FRONT_END, seconds=1.0)
    tagger.save(folder / "tagger.keras")
    forms = {"x.tflite": Form("litert", "float16", seconds=2.0), "y.onnx": Form("onnx")}
    return {name: export(folder / "tagger.keras", form, folder / name).path for name, form in forms.items()}


def test_each_is_timed_in_a_process_of_its_own(files: dict[str, Path]) -> None:
    litert, onnx = speed.measure(list(map(str, files.values())), rounds=4)
    assert (litert.name, litert.kind, litert.window) == ("x", "LiteRT float16", 2.0)
    assert (onnx.name, onnx.kind, onnx.window) == ("y", "ONNX float32", 1.0)
    for each, file in zip((litert, onnx), files.values(), strict=True):
        assert each.size == f"{file.stat().st_size / 1e3:.1f} kB"
        assert len(each.times) == 4 and each.least == min(each.times) > 0
        assert each.median == np.median(each.times)
        assert each.real_time == pytest.approx(1000 * each.window / each.median)
        # A process with NumPy and a runtime, without TensorFlow, whose libraries alone are more.
        assert 20e6 < each.memory < 300e6
        assert each.start > each.least / 1000


def test_what_cannot_be_timed_is_one_error(files: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(files["x.tflite"].read_bytes()[:500])
    with pytest.raises(AudiotagError, match="cannot be opened"):
        speed.measure([str(broken)], rounds=1)
    table = tmp_path / "scores.csv"
    table.write_text("clip_id,a,b\nx.wav,0.1,0.2\n")
    with pytest.raises(AudiotagError, match="table of scores"):
        speed.measure([str(table)], rounds=1)
    for wrong in ({"rounds": 0}, {"threads": 0}, {"threads": 10_000}):
        with pytest.raises(AudiotagError, match=r"at least 1|threads are 1 to"):
            speed.measure([str(files["x.tflite"])], **wrong)
