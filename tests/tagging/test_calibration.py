"""Calibration against its formulas done by hand, in the graph as in NumPy, from a file and in exports."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from audiotag.errors import AudiotagError
from audiotag.tagging import AudioTagger
from audiotag.tagging.calibration import Calibration, logits_of

RATE = 8000
CALIBRATIONS = {
    "temperature": Calibration("temperature", temperature=1.7, fitted_on="validation of small, 80 clips"),
    "platt": Calibration("platt", scale=(0.5, 2.0, 1.3), shift=(-1.0, 0.25, 3.0)),
    "isotonic": Calibration(
        "isotonic",
        knots=(
            ((0.1, 0.0), (0.4, 0.3), (0.5, 0.3), (0.9, 1.0)),
            ((0.0, 0.2), (1.0, 0.2)),
            ((0.3, 0.05), (0.30001, 0.6), (0.7, 0.95)),
        ),
    ),
}
LOGITS = np.random.default_rng(0).normal(0, 3, (40, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def tagger(network_for, labels, front_end) -> AudioTagger:
    """The tiny tagger with logits far enough from 0 for a calibration to show."""
    import keras

    network = network_for()
    louder = keras.Model(network.input, keras.layers.Rescaling(40.0)(network.output))
    return AudioTagger(louder, labels, front_end, seconds=1.0)


def by_hand(calibration: Calibration, logits: np.ndarray, task: str) -> np.ndarray:
    """The formulas of the docstring, a clip and a class at a time."""
    multiclass = task == "multiclass"
    rows = []
    for row in logits.astype(np.float64):
        chances = np.exp(row) / np.exp(row).sum() if multiclass else 1 / (1 + np.exp(-row))
        base = np.log(chances) if multiclass else row
        if calibration.method == "isotonic":
            points = [np.array(knots).T for knots in calibration.knots]
            mapped = np.array([np.interp(one, *point) for one, point in zip(chances, points, strict=True)])
            rows.append((mapped + 1e-6 * chances) / (mapped.sum() + 1e-6) if multiclass else mapped)
            continue
        if calibration.method == "temperature":
            lines = base / calibration.temperature
        else:
            lines = base * np.array(calibration.scale) + np.array(calibration.shift)
        rows.append(np.exp(lines) / np.exp(lines).sum() if multiclass else 1 / (1 + np.exp(-lines)))
    return np.array(rows)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
@pytest.mark.parametrize("method", CALIBRATIONS)
def test_graph_and_numpy_follow_the_formulas(method, task):
    calibration = CALIBRATIONS[method]
    expected = by_hand(calibration, LOGITS, task)
    plain = (softmax(LOGITS.astype(float), axis=1)) if task == "multiclass" else expit(LOGITS.astype(float))
    assert np.abs(plain - expected).max() > 0.05
    np.testing.assert_allclose(calibration.scores(plain, task), expected, atol=1e-12)
    steepest = 0.01 if method == "isotonic" else 2e-6  # a step of 1e-5 magnifies the rounding of float32
    np.testing.assert_allclose(np.asarray(calibration.apply(LOGITS, task)), expected, atol=steepest)
    if task == "multiclass":
        np.testing.assert_allclose(calibration.scores(plain, task).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
@pytest.mark.parametrize("method", CALIBRATIONS)
def test_extreme_logits_stay_finite_probabilities(method, task):
    extreme = np.array([[200.0, -200.0, 0.0], [-200.0, -200.0, -200.0], [90.0, 90.0, -90.0]], np.float32)
    scores = np.asarray(CALIBRATIONS[method].apply(extreme, task))
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    same = softmax(extreme.astype(float), axis=1) if task == "multiclass" else expit(extreme.astype(float))
    np.testing.assert_allclose(CALIBRATIONS[method].scores(same, task), scores, atol=1e-6)


def test_isotonic_scores_of_a_clip_that_are_all_zero_fall_back_on_the_order_before():
    flat = Calibration("isotonic", knots=(((0.0, 0.0), (1.0, 0.0)),) * 3)
    scores = softmax(LOGITS.astype(float), axis=1)
    np.testing.assert_allclose(flat.scores(scores, "multiclass"), scores, atol=1e-12)
    np.testing.assert_allclose(np.asarray(flat.apply(LOGITS, "multiclass")), scores, atol=1e-6)


def test_logits_are_the_log_odds_and_logarithms_of_scores():
    scores = np.random.default_rng(1).uniform(0.01, 0.99, (5, 3))
    np.testing.assert_allclose(logits_of(scores, "multilabel"), logit(scores), atol=1e-12)
    np.testing.assert_allclose(logits_of(scores, "multiclass"), np.log(scores), atol=1e-12)
    assert np.isfinite(logits_of(np.array([[0.0, 1.0]]), "multilabel")).all()
    assert np.isfinite(logits_of(np.array([[0.0, 1.0]]), "multiclass")).all()


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_a_calibration_is_json_and_comes_back_the_same(method):
    described = json.loads(json.dumps(CALIBRATIONS[method].to_dict()))
    assert Calibration.from_dict(described) == CALIBRATIONS[method]
    with pytest.raises(AudiotagError, match="unknown heat"):
        Calibration.from_dict({**described, "heat": 1.0})


def test_a_calibration_says_what_it_does():
    told = CALIBRATIONS["temperature"].describe()
    assert told == "temperature 1.7, fitted on validation of small, 80 clips"
    assert CALIBRATIONS["platt"].describe() == "Platt scaling of 3 classes (scale 0.5 to 2)"
    assert CALIBRATIONS["isotonic"].describe() == "isotonic maps of 3 classes (at most 4 knots)"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "temprature"}, "did you mean 'temperature'"),
        ({"method": "temperature", "temperature": 0.0}, "must be positive, received 0.0"),
        ({"method": "temperature", "temperature": float("nan")}, "must be positive, received nan"),
        ({"method": "temperature", "scale": (1.0,)}, "received scale: leave it out"),
        ({"method": "platt", "scale": (1.0, 1.0), "shift": (0.0,)}, "received 2 and 1"),
        ({"method": "platt"}, "received 0 and 0"),
        ({"method": "platt", "scale": (-1.0,), "shift": (0.0,)}, "scales must be positive"),
        ({"method": "platt", "scale": (1.0,), "shift": (float("inf"),)}, "shifts finite"),
        ({"method": "platt", "scale": (1.0,), "shift": (0.0,), "temperature": 2.0}, "received temperature"),
        ({"method": "isotonic"}, "needs knots"),
        ({"method": "isotonic", "knots": (((0.0, 0.0),),)}, "2 to 64 knots"),
        ({"method": "isotonic", "knots": (tuple((k / 99, k / 99) for k in range(65)),)}, "2 to 64 knots"),
        ({"method": "isotonic", "knots": (((0.0, 0.0), (0.0, 1.0)),)}, "rise in the first"),
        ({"method": "isotonic", "knots": (((0.5, 0.0), (0.5 + 1e-9, 1.0)),)}, "rise in the first"),
        ({"method": "isotonic", "knots": (((0.0, 0.6), (1.0, 0.5)),)}, "do not fall"),
        ({"method": "isotonic", "knots": (((0.0, 0.0), (1.0, 1.5)),)}, r"lie in \[0, 1\]"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_in_one_line(fields, message):
    with pytest.raises(AudiotagError, match=message) as caught:
        Calibration(**fields)
    assert "\n" not in str(caught.value)


def logits_by_hand(tagger: AudioTagger, noise: np.ndarray) -> np.ndarray:
    """The network on the front end: (1, classes)."""
    return np.asarray(tagger.network(tagger.log_mel(noise[None, :RATE])))


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_a_tagger_s_scores_are_calibrated(tagger, noise, task):
    calibration = CALIBRATIONS["platt"]
    parts = (tagger.network, tagger.labels, tagger.front_end, task, 1.0)
    expected = by_hand(calibration, logits_by_hand(tagger, noise), task)
    found = AudioTagger(*parts, calibration=calibration).scores(noise[:RATE])[1]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.abs(AudioTagger(*parts).scores(noise[:RATE])[1] - expected).max() > 0.05


def test_a_calibration_of_other_classes_is_refused(tagger):
    two = Calibration("platt", scale=(1.0, 1.0), shift=(0.0, 0.0))
    with pytest.raises(AudiotagError, match="must be for 3 classes, received one for 2"):
        AudioTagger(tagger.network, tagger.labels, tagger.front_end, calibration=two)


@pytest.fixture(scope="module")
def saved(tagger, noise, tmp_path_factory):
    """A folder with a calibrated tagger of each method, and the scores of each."""
    folder = tmp_path_factory.mktemp("saved")
    scores = {}
    for name, calibration in CALIBRATIONS.items():
        parts = (tagger.network, tagger.labels, tagger.front_end, "multilabel", 1.0)
        options = {"thresholds": (0.125, 0.7, 1.0), "thresholds_from": "best F1 on validation"}
        made = AudioTagger(*parts, calibration=calibration, **options)
        made.save(folder / f"{name}.keras")
        scores[name] = made.scores(noise)[1]
    return folder, scores


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_the_saved_file_gives_the_same_scores(saved, noise, name):
    import keras

    folder, scores = saved
    opened = keras.saving.load_model(folder / f"{name}.keras")
    assert (opened.calibration, opened.thresholds) == (CALIBRATIONS[name], (0.125, 0.7, 1.0))
    np.testing.assert_allclose(opened.scores(noise)[1], scores[name], atol=1e-6)


def opened(path: Path, waveform: np.ndarray) -> tuple[np.ndarray, tuple[float, ...], str]:
    """A saved tagger's scores of a waveform, its thresholds and where they come from."""
    import keras

    tagger = keras.saving.load_model(path)
    return tagger.scores(waveform)[1], tagger.thresholds, tagger.thresholds_from


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_saved_file_gives_the_same_scores_on_another_backend(kept_process, saved, noise, backend):
    folder, expected = saved
    for name in CALIBRATIONS:
        scores, *thresholds = kept_process(backend).call(opened, folder / f"{name}.keras", noise)
        np.testing.assert_allclose(scores, expected[name], atol=1e-5)
        assert thresholds == [(0.125, 0.7, 1.0), "best F1 on validation"]


def test_a_file_from_before_calibration_opens_and_its_weights_are_only_the_network_s(saved, tagger, noise, tmp_path):
    import keras

    folder, _ = saved
    with zipfile.ZipFile(folder / "platt.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for member in new.namelist():
            content = new.read(member)
            if member == "config.json":
                config = json.loads(content)
                for name in ("calibration", "thresholds", "thresholds_from"):
                    del config["config"][name]
                content = json.dumps(config)
            old.writestr(member, content)
    opened = keras.saving.load_model(tmp_path / "old.keras")
    assert (opened.calibration, opened.thresholds, opened.thresholds_from) == (None, None, "")
    np.testing.assert_allclose(opened.scores(noise)[1], tagger.scores(noise)[1], atol=1e-6)
    assert len(opened.weights) == len(tagger.network.weights)


def exported_scores(format: str, path, waveforms: np.ndarray) -> np.ndarray:
    """Scores that an export gives for (1, samples)."""
    if format == "tf_saved_model":
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        return np.asarray(loaded.serve(waveforms))
    if format == "litert":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(path))
        given, wanted = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.resize_tensor_input(given["index"], waveforms.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], waveforms)
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: waveforms})[0]


@pytest.mark.slow
@pytest.mark.parametrize("method", CALIBRATIONS)
@pytest.mark.parametrize("format", ["tf_saved_model", "litert"])
def test_an_exported_tagger_gives_calibrated_scores(tagger, noise, tmp_path, format, method):
    import keras

    parts = (tagger.network, tagger.labels, tagger.front_end, "multilabel", 1.0)
    made = AudioTagger(*parts, calibration=CALIBRATIONS[method])
    path = tmp_path / ("tagger" if format == "tf_saved_model" else "tagger.tflite")
    made.export(path, format=format, input_signature=[keras.InputSpec(shape=(1, RATE), dtype="float32")], verbose=False)
    waveforms = noise[None, :RATE]
    expected = made.predict_on_batch(waveforms)
    assert np.abs(expected - tagger.predict_on_batch(waveforms)).max() > 0.01
    np.testing.assert_allclose(exported_scores(format, path, waveforms), expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
@pytest.mark.parametrize("method", CALIBRATIONS)
def test_a_calibration_exports_to_onnx(tmp_path, method, task):
    """Without the front end, whose Fourier transform has no form in ONNX that TensorFlow's converter knows."""
    import keras

    inputs = keras.Input((3,), dtype="float32")
    layer = keras.layers.Lambda(lambda logits: CALIBRATIONS[method].apply(logits, task), output_shape=(3,))
    model = keras.Model(inputs, layer(inputs))
    signature = [keras.InputSpec(shape=(None, 3), dtype="float32")]
    model.export(tmp_path / "scores.onnx", format="onnx", input_signature=signature, verbose=False)
    expected = by_hand(CALIBRATIONS[method], LOGITS, task)
    steepest = 0.01 if method == "isotonic" else 1e-5
    np.testing.assert_allclose(exported_scores("onnx", tmp_path / "scores.onnx", LOGITS), expected, atol=steepest)
