"""Every source by every verb: one tiny network, in all forms, is tagged, embedded, taught, evaluated and compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax

from audiotag import AudiotagError, cli, distill, evaluation, models, progress, records, scorers, tagging
from audiotag.cli.app import app
from audiotag.clip_format import ClipFormat
from audiotag.frontend import log_mel
from audiotag.labels import Labels
from audiotag.models.presets import Preset
from audiotag.report.tensorboard import board
from audiotag.scorers import calibrations
from tests.scorers.test_onnx import WEIGHTS, write_model
from tests.small_data import FRONT_END, NAMES

pytestmark = pytest.mark.usefixtures("eager", "blank_pictures")

MODULE = """
import numpy as np
from audiotag.frontend import log_mel
from tests.scorers.test_onnx import WEIGHTS
from tests.small_data import FRONT_END, NAMES

def score(waveforms):
    return np.stack([log_mel(row, FRONT_END).mean(axis=0) @ WEIGHTS for row in waveforms])

score.sample_rate, score.labels, score.version = FRONT_END.sample_rate, NAMES, 1
"""
NETWORKS = ("run", "student", "tagger", "foreign", "published", "model", "tagger object")
OTHERS = ("litert", "onnx", "saved model", "function", "callable", "ensemble")
# Each opens as another does, and is tagged and taught by; what comes after its scores is the same code.
ALIKE = ("student", "foreign", "model", "saved model", "callable")
FORMS = [pytest.param(form, marks=[pytest.mark.slow] * (form in ALIKE)) for form in (*NETWORKS, *OTHERS)]


class Published(Preset):
    """The tiny network as if it were published."""

    vocabulary = Labels(NAMES)


@pytest.fixture(scope="module")
def tiny() -> Any:
    """Mean log-mel times weights: what every form of it computes."""
    import keras

    inputs = keras.Input((10, FRONT_END.mels, 1))
    features = keras.layers.Reshape((FRONT_END.mels,), name="features")(keras.layers.AveragePooling2D((10, 1))(inputs))
    logits = keras.layers.Dense(3, use_bias=False, name="logits")
    network = keras.Model(inputs, logits(features), name="tiny")
    logits.set_weights([WEIGHTS])
    return network


@pytest.fixture(scope="module")
def forms(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The network as every kind of source."""
    folder, labels = tmp_path_factory.mktemp("forms"), Labels(NAMES)
    card = models.ModelCard("tiny", ClipFormat(labels, FRONT_END, "multiclass", 0.25))
    tagger = tagging.AudioTagger(tiny, labels, FRONT_END, "multiclass", 0.25)
    models.save(tiny, folder / "run" / "student.keras", card)
    models.save(tagger, folder / "run" / "tagger.keras")
    models.save(tiny, folder / "student.keras", card)
    models.save(tagger, folder / "tagger.keras")
    tiny.save(folder / "foreign.keras")
    tiny.export(folder / "litert.tflite", format="litert", verbose=False)
    tiny.export(folder / "saved", format="tf_saved_model", verbose=False)
    write_model(folder / "onnx.onnx")
    (folder / "tiny_module.py").write_text(MODULE, encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "tiny_callable"}
    exec(compile(MODULE, "tiny_callable", "exec"), namespace)
    return {
        "run": folder / "run",
        "student": folder / "student.keras",
        "tagger": folder / "tagger.keras",
        "foreign": folder / "foreign.keras",
        "published": "tiny_as",
        "model": tiny,
        "tagger object": tagger,
        "litert": folder / "litert.tflite",
        "onnx": folder / "onnx.onnx",
        "saved model": folder / "saved",
        "function": "tiny_module:score",
        "callable": namespace["score"],
        "ensemble": [folder / "run", folder / "onnx.onnx"],
        "folder": folder,
    }


@pytest.fixture(autouse=True)
def setting(forms: dict[str, Any], tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The function can be imported, the published weights fetched, and what is written lies in a folder of its own."""
    monkeypatch.syspath_prepend(str(forms["folder"]))
    monkeypatch.chdir(tmp_path)
    parts = {"seconds": 0.25, "labels": "audioset", "mAP": None, "parameters": 1.0, "macs": 1.0}
    texts = {"architecture": "tiny", "source": "nowhere", "licence": "CC0", "paper": "none"}
    monkeypatch.setitem(models.PRESETS, "tiny_as", Published("tiny_as", front_end=FRONT_END, **parts, **texts))
    monkeypatch.setattr(models, "load_published", lambda name: tiny, raising=False)
    progress.set_quiet(True)
    yield
    progress.set_quiet(False)


@pytest.fixture
def opened(forms: dict[str, Any], data_with_waveforms: records.Data) -> Callable[[str], scorers.Scorer]:
    return lambda form: scorers.open(forms[form], data_with_waveforms)


@pytest.fixture
def expected(sounds: Path) -> Callable[[int], np.ndarray]:
    """Logits of a recording, by the weights alone."""
    from audiotag import audio

    return lambda number: log_mel(audio.read(sounds / f"{number}.wav", 8000), FRONT_END).mean(axis=0) @ WEIGHTS


@pytest.mark.parametrize("form", [*NETWORKS, *OTHERS])
def test_tag(form: str, forms: dict[str, Any], opened: Any, sounds: Path, expected: Any) -> None:
    files = [sounds / "1.wav", sounds / "2.wav"]
    for number, result in enumerate(tagging.tag_files(opened(form), files, top=1), 1):
        (tag,) = result.tags
        assert (tag.label, tag.start, tag.end) == (NAMES[expected(number).argmax()], 0.0, 0.25), result.reason


def test_the_command_tags_by_what_options_or_a_data_set_say_of_a_model(
    forms: dict[str, Any], sounds: Path, data_with_waveforms: records.Data, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path("names.txt")).write_text("\n".join(NAMES), encoding="utf-8")
    tag = ["--quiet", "tag", str(sounds / "1.wav"), "--format", "jsonl", "--threshold", "0.5", "--model"]
    assert cli.run(app, [*tag, str(forms["onnx"])]) == 2
    assert "--labels" in capsys.readouterr().err
    assert cli.run(app, [*tag, str(forms["onnx"]), "--labels", "names.txt"]) == 2
    assert "--front-end" in capsys.readouterr().err
    assert cli.run(app, [*tag, str(forms["onnx"]), "--data", str(data_with_waveforms.path)]) == 0
    by_data = capsys.readouterr().out
    assert json.loads(by_data)["label"] == "middle"
    several = [str(forms["saved model"]), "--model", str(forms["litert"]), "--data", str(data_with_waveforms.path)]
    assert cli.run(app, [*tag, *several]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == pytest.approx(json.loads(by_data)["score"], abs=1e-4)
    assert cli.run(app, [*tag, "tiny_module:score", "--task", "multiclass", "--window", "0.25"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "middle"


@pytest.mark.parametrize("form", [*NETWORKS, *OTHERS])
def test_embed(form: str, opened: Any, sounds: Path) -> None:
    results = tagging.embed_files(opened(form), [sounds / "1.wav"], "features")
    if form in OTHERS:
        with pytest.raises(AudiotagError, match="embeddings are those of a Keras network"):
            next(results)
        return
    from audiotag import audio

    (result,) = results
    mean = log_mel(audio.read(sounds / "1.wav", 8000), FRONT_END).mean(axis=0)
    np.testing.assert_allclose(result.embeddings.vectors[0], mean, atol=1e-4)


@pytest.mark.parametrize("form", [*NETWORKS, *OTHERS])
def test_teach(form: str, forms: dict[str, Any], data_with_waveforms: records.Data, expected: Any) -> None:
    import tensorflow as tf

    folder = distill.teach(data_with_waveforms, forms[form], name="matrix")
    taught = {}
    for split in data_with_waveforms.splits:
        for shard in data_with_waveforms.shards(split):
            # Read as it was written: a pass of `read` takes longer than all the teaching.
            for record in tf.data.TFRecordDataset(str(folder / shard.name)).as_numpy_iterator():
                feature = tf.train.Example.FromString(record).features.feature
                (clip_id,), (logits,) = (feature[key].bytes_list.value for key in ("clip_id", "logits"))
                taught[clip_id.decode()] = np.frombuffer(logits, np.float32)
    assert len(taught) == 12
    logits = np.stack([expected(int(clip_id.removeprefix("clip"))) for clip_id in taught])
    np.testing.assert_allclose([*taught.values()], logits, atol=0.02)  # the records hold 16 bits
    assert records.verify(data_with_waveforms.path) == []
    shutil.rmtree(folder)


@pytest.mark.parametrize("form", FORMS)
def test_evaluate(
    form: str,
    forms: dict[str, Any],
    data_with_waveforms: records.Data,
    expected: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What TensorBoard shows of a report is the same whatever was evaluated, and a third of the time.
    monkeypatch.setattr(board, "write", lambda report, step: None)
    source = [forms[form]] if form == "ensemble" else forms[form]
    options = {"split": "test", "resamples": 0}
    report = evaluation.evaluate(source, data=data_with_waveforms, out="report", **options)
    found = report.predictions
    logits = np.stack([expected(int(clip_id.removeprefix("clip"))) for clip_id in found.clip_ids])
    # On AudioSet classes do not compete.
    scores = expit(logits) if form == "published" else softmax(logits, axis=1)
    np.testing.assert_allclose(found.scores, scores, atol=0.02)
    assert Path("report/report.html").is_file()


@pytest.mark.parametrize("form", FORMS)
def test_calibrate(
    form: str, forms: dict[str, Any], data_with_waveforms: records.Data, multilabel_data: records.Data, opened: Any
) -> None:
    data = multilabel_data if form == "published" else data_with_waveforms
    waveforms = next(data_with_waveforms.batches("test", batch_size=2, waveforms=True))["waveform"]
    plain = opened(form).predict_on_batch(waveforms)
    tuned = evaluation.calibrate(forms[form], aim="false-alarms=1", data=data, split="train")
    try:
        if form == "tagger object":
            assert tuned.tagger.name.endswith(calibrations.SUFFIX)
        again = opened(form)
        assert again.calibration == tuned.calibration
        np.testing.assert_array_equal(again.thresholds, tuned.thresholds.values)
        expected = tuned.calibration.scores(plain, again.task)
        np.testing.assert_allclose(again.predict_on_batch(waveforms), expected, atol=1e-5)
        assert not np.allclose(plain, expected, atol=1e-3)
    finally:
        evaluation.calibrate(forms[form], "none", data=data)
    np.testing.assert_allclose(opened(form).predict_on_batch(waveforms), plain, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "second"),
    [("run", "student"), ("tagger", "foreign"), ("litert", "onnx"), ("saved model", "function"), ("run", "published")],
)
def test_compare(
    first: str,
    second: str,
    forms: dict[str, Any],
    data_with_waveforms: records.Data,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--data", str(data_with_waveforms.path), "--resamples", "20", "--json"]
    assert cli.run(app, ["compare", str(forms[first]), str(forms[second]), *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["clips"], len(found["classes"])) == (9, 3)
    # The published form scores by a sigmoid, which ranks otherwise than a softmax.
    assert second == "published" or all(abs(row["difference"]) < 0.35 for row in found["classes"])
