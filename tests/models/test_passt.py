"""PaSST: grids, lengths, positions, and its saved file."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow

from audiotag import models
from audiotag.errors import AudiotagError

TINY = {"width": 16, "depth": 1, "heads": 2, "mels": 48}


def noise(frames: int, mels: int = 48) -> np.ndarray:
    return np.random.default_rng(frames).normal(size=(2, frames, mels, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [
        ("passt_s", 99, 12),
        ("passt_s_s12", 83, 10),
        ("passt_s_s14", 71, 9),
        ("passt_s_s16", 62, 8),
        ("passt_s_20sec", 200, 12),
        ("passt_s_30sec", 300, 12),
    ],
)
def test_named_architectures_have_the_published_grids(name, columns, rows):
    with keras.StatelessScope(initialize_variables=False):
        model = models.build(name, classes=527)
    position = model.get_layer("position")
    assert tuple(position.time.shape) == (columns, 768)
    assert tuple(position.frequency.shape) == (rows, 768)


def test_passt_s_has_the_published_parameters():
    with keras.StatelessScope(initialize_variables=False):
        model = models.build("passt_s", classes=527)
    unused_head = 527 * 768 + 527
    assert (models.parameters(model) + unused_head) / 1e6 == pytest.approx(86.15, abs=0.005)


@pytest.mark.parametrize("frames", [998, 1000])
def test_ten_seconds_are_99_columns_whether_998_or_1000_frames(frames):
    model = models.build("passt", classes=3, frames=frames, **TINY)
    assert model.get_layer("position").time.shape[0] == 99


def test_multiply_adds_count_patches_projections_and_attention():
    model = models.build("passt", classes=3, frames=96, **TINY)
    tokens, width = 9 * 4 + 2, 16
    patches = 9 * 4 * (16 * 16 + 1) * width
    dense = tokens * ((width + 1) * 3 * width + (width + 1) * width + (width + 1) * 4 * width + (4 * width + 1) * width)
    assert models.macs(model, 96, 48) == patches + dense + 2 * tokens**2 * width + (width + 1) * 3


def test_outside_training_patchout_changes_nothing():
    model = models.build("passt", classes=3, frames=96, patchout_time=3, patchout_frequency=1, patchout=4, **TINY)
    plain = models.build("passt", classes=3, frames=96, **TINY)
    plain.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(noise(96)), plain(noise(96)))
    assert not np.allclose(model(noise(96), training=True), plain(noise(96)))


@pytest.mark.parametrize("training", [False, True])
def test_input_longer_than_the_grid_is_refused_in_one_line_that_names_the_limit(training):
    model = models.build("passt", classes=3, frames=96, **TINY)
    with pytest.raises(AudiotagError, match="at most 105 frames") as raised:
        model(noise(106), training=training)
    assert "\n" not in str(raised.value)
    assert model(noise(105)).shape == (2, 3)


def test_a_compiled_pass_refuses_long_input_in_one_line_too():
    model = models.build("passt", classes=3, frames=96, **TINY)
    with pytest.raises(AudiotagError, match="at most 105 frames") as raised:
        model.predict(noise(200), verbose=0)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("frames", "held"), [(96, 105), (20, 25)])
def test_a_graph_of_open_length_serves_short_input_and_fails_at_long_input(frames, held):
    # A grid of a single column would fit any length, were it only added.
    patchout = {"patchout_time": 2, "patchout": 3} if frames > 50 else {}
    model = models.build("passt", classes=3, frames=frames, **patchout, **TINY)
    anything = [tensorflow.TensorSpec((None, None, 48, 1))]
    evaluate = tensorflow.function(lambda x: model(x, training=False), input_signature=anything)
    train = tensorflow.function(lambda x: model(x, training=True), input_signature=anything)
    for length in (held - 9, held):
        np.testing.assert_allclose(evaluate(noise(length)), model(noise(length)), atol=1e-6)
        assert train(noise(length)).shape == (2, 3)
    for graph in (evaluate, train):
        with pytest.raises(tensorflow.errors.InvalidArgumentError):
            graph(noise(held + 1))


def test_the_frames_head_reads_the_mean_of_every_column():
    keras.utils.set_random_seed(0)
    model = models.build("passt", classes=3, frames=96, head="frames", pooling="mean", **TINY)
    watched = [model.get_layer(name).output for name in ("normalization", "logits_normalization", "frame_logits")]
    tokens, hidden, steps = map(np.asarray, keras.Model(model.input, watched)(noise(96)))
    columns = tokens[:, 2:].reshape(2, 9, 4, 16).mean(axis=2)
    centred = columns - columns.mean(axis=-1, keepdims=True)
    expected = centred / np.sqrt(columns.var(axis=-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(hidden, expected, atol=1e-4)
    probability = (1 / (1 + np.exp(-steps.astype(np.float64)))).mean(axis=1)
    np.testing.assert_allclose(model(noise(96)), np.log(probability / (1 - probability)), atol=1e-5)


def test_the_frames_head_learns_from_the_columns_and_rows_that_patchout_leaves():
    model = models.build("passt", classes=3, frames=96, head="frames", patchout_time=3, patchout_frequency=2, **TINY)
    steps = keras.Model(model.input, model.get_layer("steps").output)
    assert steps(noise(96), training=True).shape == (2, 6, 16)
    assert steps(noise(96)).shape == (2, 9, 16)
    targets = np.eye(3, dtype=np.float32)[:2]
    # Tracing the step would take longer than these few.
    model.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    losses = model.fit(noise(96), targets, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_patchout_that_leaves_nothing_is_refused():
    model = models.build("passt", classes=3, frames=96, patchout_time=3, **TINY)
    with pytest.raises(AudiotagError, match="must leave some of the 3 columns of time"):
        model(noise(36), training=True)


def test_a_saved_passt_opens_with_the_same_outputs_and_settings(tmp_path):
    model = models.build("passt", classes=3, frames=96, patchout_time=2, stride=(12, 8), **TINY)
    model.save(tmp_path / "passt.keras")
    opened = keras.saving.load_model(tmp_path / "passt.keras")
    np.testing.assert_allclose(opened(noise(70)), model(noise(70)), atol=1e-6)
    assert opened.get_layer("patchout").time == 2
    assert opened.get_layer("position").stride == 12


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("passt", {"width": 97, "heads": 3}, "multiple of heads"),
        ("passt", {"patchout_time": -1}, "0 or more, received -1"),
        ("passt", {"frames": 10}, "one patch of 16 x 16, received 10 frames"),
        ("passt", {"mels": 8}, "received 998 frames x 8 mels"),
        ("passt", {"stride": (10, 10, 10)}, "one positive number or two"),
        ("passt", {"dept": 3}, "did you mean 'depth'"),
        ("passt", {"head": "frame"}, "did you mean 'frames'"),
        ("passt", {"head": "frames", "patchout": 9}, "needs whole columns, received patchout 9"),
        ("passt", {"head": "frames", "pooling": "median"}, "no pooling over time is named 'median'"),
        ("passt_s", {"frames": 1500}, "at most 1005 frames"),
        ("pasts", {}, "did you mean 'passt'"),
    ],
)
def test_a_passt_that_cannot_be_is_one_line_of_error(name, options, message):
    with pytest.raises(AudiotagError) as raised:
        models.build(name, **{"classes": 3, **options})
    assert message in str(raised.value) and "\n" not in str(raised.value)
