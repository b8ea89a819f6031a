"""One network in every format gives the same predictions, and what is assumed of it is said."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, softmax

from audiotag import AudiotagError, models, records, scorers
from audiotag.clip_format import ClipFormat
from audiotag.labels import Labels
from audiotag.tagging import AudioTagger
from audiotag.tagging.calibration import Calibration


@pytest.fixture
def expected(network, log_mel_of, data):
    """Scores of the plain Keras model for the clips of a prediction, outside what is tested."""
    return lambda clip_ids, **options: softmax(
        network(**options).predict(log_mel_of(clip_ids), verbose=0).astype(np.float64), axis=1
    )


def predicted(source: object, data: object, **options: object) -> scorers.Predicted:
    return scorers.predict(scorers.open(source, data, **options), data, "test", batch_size=4)


def check(found: scorers.Predicted, data: object, expected: object, tolerance: float = 1e-5) -> None:
    scores = expected(found.predictions.clip_ids.tolist())
    np.testing.assert_allclose(found.predictions.scores, scores, atol=tolerance)
    truth = {row.clip_id: row.labels for row in data.clips.itertuples()}
    held = np.array(data.labels.names)[found.predictions.targets.argmax(1)].tolist()
    assert held == [truth[clip_id] for clip_id in found.predictions.clip_ids]
    assert len(held) == 9 and found.clips["clip_id"].tolist() == found.predictions.clip_ids.tolist()


def test_a_students_file_and_a_run_are_heard_through_the_records(network, data, expected, tmp_path) -> None:
    card = models.ModelCard("small", ClipFormat(data.labels, data.front_end, "multiclass", 0.25), data_set="tones")
    models.save(network(), tmp_path / "mine" / "student.keras", card)
    for source, name, kind in ((tmp_path / "mine", "mine", "run"), ("student.keras", "student", "Keras model")):
        found = predicted(tmp_path / "mine" / source, data)
        check(found, data, expected)
        assert (found.subject.name, found.subject.kind, found.notes) == (name, kind, ())
        assert found.subject.network is not None and found.uncalibrated is None
    assert found.subject.about["parameters"] == f"{network().count_params():,}"


def test_a_taggers_calibration_and_thresholds_are_used(network, data, expected, tmp_path) -> None:
    more = {"calibration": Calibration("temperature", temperature=2.0), "thresholds": [0.2, 0.3, 0.4]}
    tagger = AudioTagger(network(), data.labels, data.front_end, "multiclass", 0.25, **more)
    tagger.save(tmp_path / "tagger.keras")
    found = predicted(tmp_path / "tagger.keras", data)
    logits = np.log(expected(found.predictions.clip_ids.tolist()))
    np.testing.assert_allclose(found.predictions.scores, softmax(logits / 2, axis=1), atol=1e-5)
    np.testing.assert_allclose(found.uncalibrated.scores, softmax(logits, axis=1), atol=1e-5)
    assert found.subject.thresholds.tolist() == [0.2, 0.3, 0.4]
    sound = np.random.default_rng(0).normal(size=(2, data.samples)).astype(np.float32)
    np.testing.assert_allclose(found.subject.predict_on_batch(sound), tagger.predict(sound, verbose=0), atol=1e-5)


@pytest.mark.parametrize(("format", "suffix"), [("keras", ".keras"), ("litert", ".tflite"), ("tf_saved_model", "")])
def test_a_foreign_file_gives_what_the_keras_model_gives(network, data, expected, tmp_path, format, suffix) -> None:
    model, path = network(), tmp_path / f"theirs{suffix}"
    if format == "keras":
        model.save(path)
    else:
        model.export(path, format=format, verbose=False)
    found = predicted(path, data)
    check(found, data, expected)
    assert found.subject.outputs == "logits"
    notes = " ".join(found.notes)
    for assumption in (
        "not state its classes",
        "not state its front end",
        "taken for logits",
        "softmax of the outputs",
    ):
        assert assumption in notes
    assert (found.subject.network is not None) == (format == "keras")


@pytest.mark.slow
def test_a_published_model_is_judged_on_the_classes_of_esc10_that_it_knows(shared, tmp_path, monkeypatch) -> None:
    """Four of ten match by name; mn04_as, never trained on ESC-50, tells them apart in a dozen clips."""
    monkeypatch.setenv("AUDIOTAG_CACHE", str(tmp_path))
    shutil.copy(shared("weights/mn04_as_mAP_432.pt"), tmp_path)
    declared = records.declare("esc50", source=shared("data/esc10"), subset="esc10")
    some = tuple(clip for clip in declared.clips if clip.split == "fold1")[::4]
    records.build(replace(declared, clips=some), tmp_path / "esc10", workers=1)
    data = records.open(tmp_path / "esc10")
    found = scorers.predict(scorers.open("mn04_as", data), data, "fold1")
    assert found.predictions.labels.names == ("dog", "rain", "helicopter", "chainsaw")
    assert [models.audioset_labels().names[index] for index in found.positions] == [
        *("Dog", "Rain", "Helicopter", "Chainsaw"),
    ]
    held = [clip for clip in some if clip.labels[0] in found.predictions.labels.names]
    assert sorted(found.predictions.clip_ids) == sorted(clip.clip_id for clip in held)
    right = found.predictions.scores.argmax(1) == found.predictions.targets.argmax(1)
    assert right.mean() > 0.8
    assert any("523 of 527 classes of mn04_as" in note for note in found.notes)


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_an_int8_litert_model_is_fed_and_read_by_its_scales(network, data, log_mel_of, tmp_path) -> None:
    """Against integer arithmetic done here with the file's own scales, and near the float model."""
    import tensorflow as tf

    model = network(frames=10, activation="softmax")
    samples = log_mel_of([f"clip{number}" for number in range(3, 12)])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (tmp_path / "tiny.tflite").write_bytes(converter.convert())
    found = predicted(tmp_path / "tiny.tflite", data)
    assert found.subject.outputs == "scores" and "int8" in found.subject.about["tensors in and out"]
    floats = model.predict(log_mel_of(found.predictions.clip_ids.tolist()), verbose=0)
    np.testing.assert_allclose(found.predictions.scores, floats, atol=0.05)
    steps = found.predictions.scores * 256
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)


def test_litert_works_with_tensorflows_own_interpreter(network, data, expected, tmp_path, monkeypatch) -> None:
    network(frames=10).export(tmp_path / "theirs.tflite", format="litert", verbose=False)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    check(predicted(tmp_path / "theirs.tflite", data), data, expected)


def test_pytorchs_layout_is_turned_and_an_ambiguous_one_refused(network, data, expected, tmp_path) -> None:
    import keras

    inner = network()
    turned = keras.Input((1, 16, 10))
    keras.Model(turned, inner(keras.layers.Permute((3, 2, 1))(turned))).save(tmp_path / "turned.keras")
    found = predicted(tmp_path / "turned.keras", data)
    check(found, data, expected)
    assert found.subject.about["input"] == "log-mel 'small' (batch, 1, mels, frames)"
    flat = keras.Input((None, 16))
    keras.Model(flat, inner(keras.layers.Reshape((-1, 16, 1))(flat))).save(tmp_path / "flat.keras")
    check(predicted(tmp_path / "flat.keras", data), data, expected)
    either = keras.Input((10, 10))
    keras.Model(either, keras.layers.Dense(3)(keras.layers.Flatten()(either))).save(tmp_path / "either.keras")
    square = SimpleNamespace(
        front_end=replace(data.front_end, mels=10), seconds=0.25, name="square", labels=data.labels
    )
    with pytest.raises(AudiotagError, match=r"takes \(any, 10, 10\), which may be \(frames, mels\) or"):
        scorers.open(tmp_path / "either.keras", square)


@pytest.mark.parametrize("shape", [(4, 4, 4, 4), (11, 16, 1), (10, 17, 1), (10, 16, 3)])
def test_another_input_is_refused_with_what_is_supported(data, tmp_path, shape) -> None:
    import keras

    given = keras.Input(shape)
    keras.Model(given, keras.layers.Dense(3)(keras.layers.Flatten()(given))).save(tmp_path / "odd.keras")
    with pytest.raises(AudiotagError, match=r"waveforms \(batch, samples\).*10 frames of 16 mels"):
        scorers.open(tmp_path / "odd.keras", data)


def test_outputs_in_zero_to_one_are_scores_unless_said_otherwise(
    network, multilabel_data, log_mel_of, tmp_path
) -> None:
    model = network(activation="sigmoid")
    model.export(tmp_path / "theirs", format="tf_saved_model", verbose=False)
    found = predicted(tmp_path / "theirs", multilabel_data)
    floats = model.predict(log_mel_of(found.predictions.clip_ids.tolist()), verbose=0)
    np.testing.assert_allclose(found.predictions.scores, floats, atol=1e-6)
    assert "every value lies in [0, 1]" in found.notes[-1]
    by_logits = predicted(tmp_path / "theirs", multilabel_data, outputs="logits")
    np.testing.assert_allclose(by_logits.predictions.scores, expit(found.predictions.scores), rtol=1e-12)
    network().save(tmp_path / "logits.keras")
    with pytest.raises(AudiotagError, match="are its outputs logits"):
        predicted(tmp_path / "logits.keras", multilabel_data, outputs="scores")


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_an_activation_at_the_end_of_a_keras_model_says_its_task_and_is_applied_to_its_logits(
    network, multilabel_data, log_mel_of, tmp_path, activation
) -> None:
    model = network(activation=activation)
    model.save(tmp_path / "theirs.keras")
    opened = scorers.open(tmp_path / "theirs.keras", multilabel_data)
    assert (opened.outputs, opened.task.activation) == ("logits", activation)
    assert f"the {activation} at the end of theirs is left out and applied to its logits" in opened.notes
    log_mel = log_mel_of([f"clip{number}" for number in range(3, 12)])
    np.testing.assert_allclose(opened.scores(log_mel), model.predict(log_mel, verbose=0), atol=1e-6)
    scorer = scorers.open(tmp_path / "theirs.keras", multilabel_data, outputs="logits")
    np.testing.assert_allclose(scorer.logits_of(scorer.raw(log_mel)), model.predict(log_mel, verbose=0), atol=1e-6)


def test_classes_come_from_the_option_or_from_beside_the_model(network, data, expected, tmp_path) -> None:
    network(classes=4).save(tmp_path / "theirs.keras")
    with pytest.raises(AudiotagError, match=r"has 4 outputs, tones has 3: .*--labels"):
        scorers.open(tmp_path / "theirs.keras", data)
    (tmp_path / "names.txt").write_text("noise\nHIGH\n low \nmiddle\n", encoding="utf-8")
    found = predicted(tmp_path / "theirs.keras", data, labels=tmp_path / "names.txt")
    assert found.positions.tolist() == [2, 3, 1]
    scores = expected(found.predictions.clip_ids.tolist(), classes=4)
    np.testing.assert_allclose(found.predictions.scores, scores[:, [2, 3, 1]], atol=1e-5)
    assert "1 of 4 classes of theirs are not in tones and ignored" in found.notes
    Labels(("noise", "high", "low", "middle")).write(tmp_path / "labels.csv")
    beside = predicted(tmp_path / "theirs.keras", data)
    np.testing.assert_allclose(beside.predictions.scores, found.predictions.scores)
    assert any("labels.csv" in note for note in beside.notes)


def test_classes_that_the_model_does_not_know_are_left_out_with_their_clips(network, data, tmp_path) -> None:
    network(classes=2).save(tmp_path / "theirs.keras")
    found = predicted(tmp_path / "theirs.keras", data, labels=Labels(("high", "low")))
    assert found.predictions.labels.names == ("low", "high") and len(found.predictions.clip_ids) == 6
    assert set(found.clips["labels"]) == {"low", "high"}
    assert "1 of 3 classes of tones are unknown to theirs and left out: middle" in found.notes
    assert "3 of 9 clips have a class that is left out, and are too" in found.notes
    with pytest.raises(AudiotagError, match=r"none of the 3 \(low, middle, high\)"):
        predicted(tmp_path / "theirs.keras", data, labels=Labels(("a", "b")))


def test_the_largest_of_several_classes_that_stand_for_one_counts(
    network, multilabel_data, log_mel_of, tmp_path
) -> None:
    network(classes=2).save(tmp_path / "theirs.keras")
    found = predicted(tmp_path / "theirs.keras", multilabel_data, labels=("LOW", "Low"))
    logits = network(classes=2).predict(log_mel_of(found.predictions.clip_ids.tolist()), verbose=0)
    np.testing.assert_allclose(found.predictions.scores, expit(logits).max(axis=1, keepdims=True), atol=1e-6)
    assert found.predictions.labels.names == ("low",)


def test_a_score_that_is_not_finite_is_refused_naming_the_clip(network, data, tmp_path) -> None:
    import keras

    model = keras.models.clone_model(network())
    model.layers[-1].bias.assign([0.0, np.nan, 0.0])
    model.save(tmp_path / "theirs.keras")
    with pytest.raises(AudiotagError, match=r"finite, theirs gives nan for clip 'clip\d+', class 'middle'"):
        predicted(tmp_path / "theirs.keras", data)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.tflite", None, "no such file"),
        ("torn.tflite", b"TFL3 torn", "LiteRT model"),
        ("torn.keras", b"PK torn", "not a .keras file"),
        ("torn.onnx", b"\x08 torn", "ONNX model"),
        ("model.pt", b"x", "sound is not scored by .*: name a run folder"),
        ("mn04_asx", None, "did you mean 'mn04_as'"),
        ("run/none", None, "no such file"),
    ],
)
def test_what_cannot_be_opened_is_one_clear_error(data, tmp_path, monkeypatch, name, content, message) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(AudiotagError, match=message) as caught:
        scorers.open(name, data)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_and_a_folder_that_is_no_saved_model_are_refused(data, tmp_path) -> None:
    with pytest.raises(AudiotagError, match=r"holds tagger\.keras or student\.keras"):
        scorers.open(tmp_path, data)
    (tmp_path / "saved_model.pb").write_bytes(b"torn")
    with pytest.raises(AudiotagError, match="SavedModel"):
        scorers.open(tmp_path, data)


def test_options_for_what_a_model_states_itself_are_refused(network, data, tmp_path) -> None:
    card = models.ModelCard("small", ClipFormat(data.labels, data.front_end, "multiclass", 0.25))
    models.save(network(), tmp_path / "student.keras", card)
    for option in ({"labels": data.labels}, {"sample_rate": 8000}, {"outputs": "logits"}):
        with pytest.raises(AudiotagError, match=rf"{next(iter(option))} is for models that do not state it"):
            scorers.open(tmp_path / "student.keras", data, **option)
    network().save(tmp_path / "theirs.keras")
    for stated, missing in (({}, "--labels"), ({"labels": data.labels}, "--front-end")):
        with pytest.raises(AudiotagError, match=f"does not state its .* with {missing}.* a data set .*--data"):
            scorers.open(tmp_path / "theirs.keras", **stated)
