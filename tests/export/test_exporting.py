"""Exported files: what bare runtimes make of them, what they say about themselves, and what is left after a mistake."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from audiotag import AudiotagError, audio, models, notes, scorers, speech
from audiotag.export import Form, export, formats, parity
from audiotag.frontend import log_mel
from audiotag.tagging import AudioTagger
from audiotag.tagging.calibration import Calibration
from audiotag.tagging.transcribing import note_scores
from audiotag.tagging.words import character_scores
from tests.export.conftest import FRONT_END, LABELS, SECONDS
from tests.export.test_hard_swish import stirred

CALIBRATED = {
    "calibration": Calibration("platt", scale=(2.0, 0.5, 1.0), shift=(0.3, 0.0, -1.0), fitted_on="validation"),
    "thresholds": (0.3, 0.5, 0.7),
    "thresholds_from": "best F1",
}


def litert(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of the file's signature, one clip at a time."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    run = interpreter.get_signature_runner("serving_default")
    (name,) = run.get_input_details()
    given = [run(**{name: each[None]}) for each in inputs]
    return {name: np.concatenate([outputs[name] for outputs in given]) for name in given[0]}


def onnx(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: inputs}), strict=True))


def saved_model(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    single = loaded.signatures["single"](**{name: tf.constant(inputs[0])})
    outputs = {name: value.numpy() for name, value in signature(**{name: tf.constant(inputs)}).items()}
    np.testing.assert_allclose(single["scores"], outputs["scores"][0], atol=1e-6)
    return outputs


RUNTIMES = {"litert": litert, "onnx": onnx, "savedmodel": saved_model}


@pytest.mark.parametrize(("to", "task"), [("litert", "notes"), ("onnx", "speech")])
def test_the_steps_of_notes_and_of_characters_are_those_that_are_transcribed(waveforms, tmp_path, to, task) -> None:
    keras.utils.set_random_seed(0)
    options = {"notes": {"context": "convolution", "units": 4}, "speech": {"units": 4, "depth": 1}}[task]
    labels = {"notes": notes.labels(), "speech": speech.labels("ab")}[task]
    network = stirred(models.build(task, classes=len(labels), mels=FRONT_END.mels, width=0.25, **options))
    tagger = AudioTagger(network, labels, FRONT_END, task, SECONDS, "zero")
    path = export(
        models.save(tagger, tmp_path / "tagger.keras"), Form(to, frames=True), tmp_path / f"x{suffix(to)}"
    ).path
    given = RUNTIMES[to](path, waveforms)["frames"]
    expected = [
        note_scores(tagger, each)[0] if task == "notes" else character_scores(tagger, each).values for each in waveforms
    ]
    assert given.shape[2:] == ((88, 4) if task == "notes" else (1 + len(labels),))
    for own, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(own[: len(other)], other, atol=1e-4)
        assert np.ptp(other, axis=0).max() > 1e-3


@pytest.mark.parametrize("to", RUNTIMES)
@pytest.mark.parametrize(
    ("task", "takes"), [("multilabel", "waveform"), ("multiclass", "waveform"), ("multilabel", "log-mel")]
)
def test_a_bare_runtime_gives_the_scores_of_the_tagger(
    tagger, saved, exported, waveforms, tmp_path, to, takes, task
) -> None:
    if takes == "log-mel":
        inputs = np.stack([log_mel(row, tagger().front_end) for row in waveforms])[..., None]
        form = Form(to, input=takes)
        path = export(saved(task, task=task, **CALIBRATED), form, tmp_path / f"x{suffix(to)}").path
    else:
        inputs, path = waveforms, exported(to, task, task=task, **CALIBRATED)
    outputs = RUNTIMES[to](path, inputs.astype(np.float32))
    expected = tagger(task, **CALIBRATED)(waveforms).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(outputs["scores"], expected, atol=2e-5)


def suffix(to: str) -> str:
    return formats.load(to).SUFFIX


@pytest.mark.parametrize("to", [*RUNTIMES, "keras"])
def test_an_exported_file_says_everything_about_itself(exported, waveforms, tagger, to) -> None:
    path = exported(to, "multilabel", task="multilabel", **CALIBRATED)
    opened, known = scorers.open(path), tagger(**CALIBRATED)
    for name in ("labels", "task", "seconds", "pad", "speed", "sample_rate", "thresholds_from"):
        assert getattr(opened, name) == getattr(known, name), name
    np.testing.assert_array_equal(opened.thresholds, CALIBRATED["thresholds"])
    assert opened.notes == ()
    np.testing.assert_allclose(opened.predict_on_batch(waveforms), known(waveforms).numpy(), atol=2e-5)
    if to != "keras":
        with pytest.raises(AudiotagError, match="labels is for models that do not state it"):
            scorers.open(path, labels=["a", "b", "c"])


def test_the_labels_are_where_other_programs_look_for_them(exported) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    names = ["Dog", "Cat, or so", "Löwe"]
    with zipfile.ZipFile(exported("litert")) as archive:
        assert archive.read("labels.txt").decode().splitlines() == names
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
    session = onnxruntime.InferenceSession(str(exported("onnx")))
    assert json.loads(session.get_modelmeta().custom_metadata_map["labels"]) == names
    folder = exported("savedmodel")
    assert (folder / "assets" / "labels.csv").read_text(encoding="utf-8").splitlines()[2] == '1,c,"Cat, or so"'


@pytest.mark.parametrize("to", ["litert", "onnx"])
def test_log_mel_of_any_length_is_taken(tagger, saved, waveforms, tmp_path, to) -> None:
    artefact = export(saved(), Form(to, input="log-mel", seconds="any"), tmp_path / f"x{suffix(to)}")
    opened = scorers.open(artefact.path)
    for samples in (1000, 2000, 1700):
        given = waveforms[:, :samples]
        np.testing.assert_allclose(opened.predict_on_batch(given), tagger()(given).numpy(), atol=2e-5)


@pytest.mark.parametrize(
    ("to", "precision"), [("litert", "float16"), ("litert", "dynamic"), ("litert", "int8"), ("onnx", "int8")]
)
def test_the_front_end_is_as_exact_in_every_precision(saved, sounds, tagger, tmp_path, to, precision) -> None:
    folder = many(sounds, tmp_path)
    artefact = export(saved(), Form(to, precision), tmp_path / f"x{suffix(to)}", clips=folder)
    waveform = audio.read(folder / "1.wav", 8000)
    scores = RUNTIMES[to](artefact.path, waveform[None])["scores"]
    # Eight bits of a network of one convolution; a front end of as few would be off by far more.
    np.testing.assert_allclose(scores, tagger()(waveform[None]).numpy(), atol=0.01)


def many(sounds: Path, folder: Path) -> Path:
    """Enough clips to fit activations to: the sounds four times."""
    made = folder / "many"
    made.mkdir()
    for number in range(48):
        shutil.copy(sounds / f"{number % 12}.wav", made / f"{number}.wav")
    return made


def test_an_exact_gelu_is_made_of_what_onnx_has(waveforms, tmp_path) -> None:
    keras.utils.set_random_seed(1)
    entry = keras.Input((None, 16, 1))
    x = keras.layers.Conv2D(8, 3, activation="gelu")(entry)
    logits = keras.layers.Dense(3, kernel_initializer="random_normal")(keras.layers.GlobalAveragePooling2D()(40.0 * x))
    tagger = AudioTagger(keras.Model(entry, logits), LABELS, FRONT_END, "multilabel", 0.25, "zero")
    source = models.save(tagger, tmp_path / "tagger.keras")
    scores = onnx(export(source, Form("onnx"), tmp_path / "x.onnx").path, waveforms)["scores"]
    expected = tagger(waveforms).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(scores, expected, atol=2e-5)


def test_what_differs_too_much_leaves_nothing(saved, sounds, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(parity.TOLERANCES, "int8", parity.Tolerance(1e-9, 1e-9))
    folder, out = many(sounds, tmp_path), tmp_path / "out" / "x.tflite"
    with pytest.raises(AudiotagError, match=r"scores of int8 differ by at most 1e-09.*nothing was written"):
        export(saved(), Form("litert", "int8"), out, clips=folder)
    assert list(out.parent.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_asked(saved, exported, tmp_path) -> None:
    out = tmp_path / "x"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    with pytest.raises(AudiotagError, match=r"is there already.*--overwrite"):
        export(saved(), Form("savedmodel"), out)
    with pytest.raises(AudiotagError, match="is none: name another one"):
        export(saved(), Form("savedmodel"), out, overwrite=True)
    assert (out / "mine.txt").read_text() == "kept"
    path = shutil.copytree(exported("savedmodel"), tmp_path / "y")
    (path / "old").write_text("")
    export(saved(), Form("savedmodel"), path, overwrite=True)
    assert scorers.open(path).kind == "SavedModel" and not (path / "old").exists()


@pytest.mark.parametrize("to", ["litert", "onnx"])
def test_a_damaged_file_is_one_clear_error(exported, tmp_path, to) -> None:
    path = tmp_path / f"x{suffix(to)}"
    content = exported(to).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudiotagError, match=r"export it again|does not state"):
        scorers.open(path)
    damaged = content.replace(b'"clip_format"', b'"clip_farmat"')
    assert damaged != content
    path.write_bytes(damaged)
    with pytest.raises(AudiotagError, match="export it again"):
        scorers.open(path)


@pytest.mark.parametrize(
    ("clips", "message"), [("none", "received made sounds"), ("few", "received 6, and 0 silent"), ("silent", "silent")]
)
def test_int8_is_not_fitted_to_what_says_nothing(saved, sounds, tmp_path, clips, message) -> None:
    folder = None if clips == "none" else sounds
    if clips == "silent":
        folder = tmp_path / "silent"
        for number in range(40):
            audio.write(folder / f"{number}.wav", np.zeros(2000, np.float32), 8000)
    with pytest.raises(AudiotagError, match=rf"{message}.*--clips"):
        export(saved(), Form("litert", "int8"), tmp_path / "x.tflite", clips=folder)
    assert not (tmp_path / "x.tflite").exists()


def test_lengths_and_outputs_that_the_network_does_not_have_are_refused(saved, tmp_path) -> None:
    for form, message in (
        (Form("litert", seconds=0.001), "too short|at least"),
        (Form("litert", seconds="any"), "waveforms of one length"),
        (Form("onnx", seconds="any"), "waveforms of one length"),
        (Form("litert", frames=True), "keeps time"),
        (Form("litert", embedding="nothing"), "no layer"),
    ):
        with pytest.raises(AudiotagError, match=message):
            export(saved(), form, tmp_path / f"x{suffix(form.to)}")
    for wrong in ({"precision": "int4"}, {"to": "coreml"}, {"input": "mfcc"}, {"seconds": "long"}):
        with pytest.raises(AudiotagError):
            Form(**wrong)
    with pytest.raises(AudiotagError, match="neither calibration nor thresholds"):
        export(
            saved("multilabel", task="multilabel", **CALIBRATED), Form("keras", input="log-mel"), tmp_path / "x.keras"
        )
    with pytest.raises(AudiotagError, match=r"ends in \.onnx"):
        export(saved(), Form("onnx"), tmp_path / "x.tflite")
    assert list(tmp_path.iterdir()) == []


def test_the_proof_is_on_the_clips_of_a_data_set_with_what_is_right(data, tagger, tmp_path, network) -> None:
    from audiotag import models
    from audiotag.tagging import AudioTagger

    made = AudioTagger(network(), data.labels, data.front_end, data.task, data.seconds, data.pad)
    artefact = export(models.save(made, tmp_path / "x.keras"), Form("litert"), data=data, split="test")
    assert artefact.path == tmp_path / "x-float32.tflite"
    written = json.loads((tmp_path / "x-float32.tflite.parity.json").read_text())
    predicted = scorers.predict(scorers.open(artefact.path), data, "test", source=data.recordings).predictions
    right = (predicted.scores.argmax(1) == predicted.targets.argmax(1)).mean()
    assert (written["clips"], written["source"]) == (9, "tones test")
    assert written["figures"]["accuracy"] == pytest.approx([right, right])
    assert 0 < written["largest"] < 1e-4
