"""Policies of batches: settings to layers, nothing outside training, seeds, dtypes, files and honest errors."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from audiotag.augment import batches
from audiotag.augment.batches import AUGMENTATIONS, BatchPolicy, FreqMixStyle, Gain, Mixup, Roll
from audiotag.errors import AudiotagError

ALL = {
    "mixup": 0.3,
    "roll": 10,
    "gain": 12.0,
    "filter_augment": {"decibels": 6.0, "kind": "step"},
    "freq_mix_style": {"probability": 1.0, "alpha": 0.4},
    "frequency_shift": 2,
    "erase_bands": 0.1,
    "frequency_mask": {"bands": 4, "masks": 2},
    "time_mask": 8,
}


def numpy(batch) -> dict[str, np.ndarray]:
    return {name: keras.ops.convert_to_numpy(values) for name, values in batch.items()}


def assert_equal(first, second, **tolerance: float) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(first[name], second[name], err_msg=name, **tolerance)


def test_every_augmentation_has_a_setting_and_takes_part(batch, front_end) -> None:
    assert ALL.keys() == AUGMENTATIONS.keys()
    for name, value in ALL.items():
        policy = BatchPolicy({name: value}, front_end, seed=1)
        changed = numpy(policy(batch, training=True))
        assert np.abs(changed["log_mel"] - batch["log_mel"]).max() > 0.01, name
        assert policy.moves == getattr(batches, AUGMENTATIONS[name]).moves
    assert BatchPolicy(ALL).moves == {"time", "pitch"}


def test_a_policy_applies_its_layers_in_order(batch, front_end, applied, drawn) -> None:
    policy, twin = (BatchPolicy({"roll": 5, "mixup": 0.3, "gain": 12.0}, front_end, seed=1) for _ in range(2))
    expected = batch
    for layer, cls in zip(twin.augmentations, (Roll, Mixup, Gain), strict=True):
        assert type(layer) is cls
        expected = applied(layer, expected, drawn(layer, *batch["log_mel"].shape[:3]))
    assert_equal(numpy(policy(batch, training=True)), expected, atol=1e-6)


def test_a_graph_may_leave_the_numbers_of_examples_and_frames_open(batch, front_end) -> None:
    import tensorflow as tf

    policy, eager = (BatchPolicy(ALL, front_end, seed=1) for _ in range(2))
    shapes = {name: (None, *values.shape[1:]) for name, values in batch.items()}
    shapes |= {"log_mel": (None, None, 16, 1), "frames": (None, None, 3)}
    signature = {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()}
    graph = tf.function(lambda parts: policy(parts, training=True), input_signature=[signature])
    for frames in (40, 23):
        part = {name: values[:4, :frames] if values.ndim > 2 else values[:4] for name, values in batch.items()}
        assert_equal(numpy(graph(part)), numpy(eager(part, training=True)), atol=1e-5)


def test_nothing_changes_outside_training(batch, front_end) -> None:
    policy = BatchPolicy(ALL, front_end, seed=1)
    assert_equal(numpy(policy(batch)), batch)
    assert_equal(numpy(policy(batch, training=False)), batch)
    for layer in policy.augmentations:
        assert_equal(numpy(layer(batch)), batch)
    assert not any(keras.ops.convert_to_numpy(state)[1] for state in policy.variables)  # nothing was drawn


def test_seeds_repeat_and_steps_differ(batch, front_end) -> None:
    first, second, other = (BatchPolicy(ALL, front_end, seed=seed) for seed in (1, 1, 2))
    steps = [numpy(first(batch, training=True)) for _ in range(2)]
    assert_equal(steps[0], numpy(second(batch, training=True)))
    for different in (steps[1], numpy(other(batch, training=True))):
        assert np.abs(different["log_mel"] - steps[0]["log_mel"]).max() > 0.01


def test_a_run_goes_on_from_the_variables_of_its_policy(batch, front_end) -> None:
    policy, resumed = BatchPolicy(ALL, front_end, seed=1), BatchPolicy(ALL, front_end, seed=5)
    for _ in range(3):
        policy(batch, training=True)
    for variable, state in zip(resumed.variables, policy.variables, strict=True):
        variable.assign(state)
    assert len(policy.non_trainable_variables) == len(ALL)
    assert_equal(numpy(resumed(batch, training=True)), numpy(policy(batch, training=True)))


def test_layers_of_one_seed_do_not_draw_the_same(drawn) -> None:
    policy = BatchPolicy({"roll": 500, "frequency_shift": 500}, seed=1)
    shifts = [drawn(layer, 2000, 10, 16)["shift"] for layer in policy.augmentations]
    assert abs(np.corrcoef(*shifts)[0, 1]) < 0.1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_goes_in_and_out_and_is_computed_in_float32(dtype: str, batch, front_end) -> None:
    half = batch | {"log_mel": keras.ops.cast(batch["log_mel"], dtype)}
    rounded = batch | {"log_mel": keras.ops.convert_to_numpy(keras.ops.cast(half["log_mel"], "float32"))}
    keras.config.set_dtype_policy(f"mixed_{dtype}")
    try:
        changed = BatchPolicy(ALL, front_end, seed=1)(half, training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    expected = numpy(BatchPolicy(ALL, front_end, seed=1)(rounded, training=True))
    assert {name: keras.backend.standardize_dtype(values.dtype) for name, values in changed.items()} == {
        name: dtype if name == "log_mel" else "float32" for name in batch
    }
    changed["log_mel"] = keras.ops.cast(changed["log_mel"], "float32")
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}[dtype]
    assert_equal(numpy(changed), expected, atol=tolerance)


def test_statistics_of_loud_float16_log_mel_do_not_overflow() -> None:
    decibels = {"log_mel": np.full((2, 1000, 64, 1), -80.0, np.float16)}
    settings = {"freq_mix_style": 1.0, "frequency_mask": 32, "time_mask": 500}
    changed = BatchPolicy(settings, "panns", seed=1)(decibels, training=True)
    np.testing.assert_array_equal(changed["log_mel"], decibels["log_mel"])


def test_a_model_with_a_policy_is_saved_and_opened(batch, front_end, tmp_path) -> None:
    inputs = {name: keras.Input(values.shape[1:], name=name) for name, values in batch.items()}
    model = keras.Model(inputs, BatchPolicy(ALL, front_end, seed=1)(inputs))
    model.save(tmp_path / "policy.keras")
    policy = keras.saving.load_model(tmp_path / "policy.keras").layers[-1]
    assert isinstance(policy, BatchPolicy) and json.loads(json.dumps(policy.settings)) == ALL
    assert_equal(numpy(policy(batch, training=True)), numpy(BatchPolicy(ALL, front_end, seed=1)(batch, training=True)))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_layer_is_made_again_from_its_settings(name: str, batch, front_end) -> None:
    layer = BatchPolicy({name: ALL[name]}, front_end, seed=1).augmentations[0]
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()
    assert_equal(numpy(again(batch, training=True)), numpy(layer(batch, training=True)))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"mixap": 0.3}, "no augmentation of batches is named 'mixap': did you mean 'mixup'"),
        ({"policies": {}}, "no augmentation of batches is named 'policies'"),
        ({"gain": {"decibel": 3}}, "gain has no argument 'decibel': did you mean 'decibels'"),
        ({"gain": {"front_end": "panns"}}, "gain has no argument 'front_end'"),
        ({"frequency_mask": {"masks": 2}}, "frequency_mask needs bands"),
        ({"roll": "far"}, "roll is a number .frames. or a table of frames, received 'far'"),
        ({"roll": True}, "roll is a number"),
        ({"roll": 1.5}, "frames of roll must be a whole number, at least 1, received 1.5"),
        ({"roll": 0}, "at least 1, received 0"),
        ({"mixup": 0.0}, "alpha of mixup must be a positive number, received 0.0: to do without, leave"),
        ({"mixup": float("nan")}, "alpha of mixup must be a positive number, received nan"),
        ({"mixup": {"alpha": "0.3"}}, "received '0.3'"),
        ({"gain": 61}, "decibels of gain must be above 0 and at most 60, received 61"),
        ({"freq_mix_style": 1.1}, "probability of freq_mix_style must be above 0 and at most 1"),
        ({"erase_bands": -0.1}, "probability of erase_bands"),
        ({"time_mask": {"frames": 4, "masks": 0}}, "masks of time_mask"),
        ({"filter_augment": {"kind": "lienar"}}, "did you mean 'linear'"),
        ({"filter_augment": {"bands": 3}}, "bands of filter_augment are two"),
        ({"filter_augment": {"bands": [1, 3]}}, "fewest bands of filter_augment must be a whole number, at least 2"),
        ({"filter_augment": {"bands": [4, 3]}}, "most bands of filter_augment must be a whole number, at least 4"),
    ],
)
def test_settings_that_cannot_be_are_one_clear_line(settings, reason: str) -> None:
    with pytest.raises(AudiotagError, match=reason) as raised:
        BatchPolicy(settings)
    assert "\n" not in str(raised.value)


def test_batches_of_another_form_are_one_clear_line(batch) -> None:
    for wrong, reason in (
        ({"label": batch["label"]}, "log-mel under 'log_mel' and targets beside it, received .'label'."),
        (batch["log_mel"], "received EagerTensor"),
        (batch | {"log_mel": batch["log_mel"][..., 0]}, r"received \(6, 40, 16\): add the missing axis"),
    ):
        for layer in (BatchPolicy({"mixup": 0.3}), FreqMixStyle()):
            with pytest.raises(AudiotagError, match=reason) as raised:
                layer(wrong, training=True)
            assert "\n" not in str(raised.value)
