"""A step of training with live teachers, features and an average, beside a slow reference, on three backends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from kept_process import module_of

from audiotag import records
from audiotag.training.averaging import Average
from audiotag.training.keeping import AverageEpochs

check = module_of(Path(__file__).with_name("trainee_check.py"))


def forward(network: keras.Model, log_mel: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of both layers and logits of a dense network, in NumPy."""
    kernel, bias, head, offset = (weight.astype(np.float64) for weight in network.get_weights())
    block = np.tanh(log_mel[..., 0].astype(np.float64) @ kernel + bias)
    return block, block.mean(1), block.mean(1) @ head + offset


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def cross_entropy(target: np.ndarray, logits: np.ndarray) -> float:
    p = sigmoid(logits)
    losses = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    return float(np.where(np.isnan(target), 0, losses).mean())


def step_cross_entropy(target: np.ndarray, student: keras.Model, block: np.ndarray) -> float:
    _, _, head, offset = (weight.astype(np.float64) for weight in student.get_weights())
    return cross_entropy(target, block @ head + offset)


def expected_terms() -> dict[str, float]:
    """The terms of the first step, from the definitions."""
    batch, student = check.batches(1)[0], check.network(7, check.CLASSES, 1)
    log_mel, label = batch["log_mel"], batch["label"].astype(np.float64)
    own = forward(student, log_mel)
    (first, second) = (forward(teacher, log_mel) for teacher in check.teachers())
    one, two, four = first[2][:, 2], np.maximum(first[2][:, 0], first[2][:, 1]), first[2][:, 3]
    mean = np.stack([(one + 3 * second[2][:, 1]) / 4, two, (four + 3 * second[2][:, 0]) / 4], axis=1)
    target = sigmoid(mean / check.TEMPERATURE)
    generator, losses = np.random.default_rng(2), []
    for mine, theirs in ((own[0], first[0]), (own[1], first[1])):
        projection, bias = generator.normal(size=(7, 5)), generator.normal(size=5)
        variance = theirs.var(axis=tuple(range(theirs.ndim - 1))).mean()
        losses.append(((mine @ projection + bias - theirs) ** 2).mean() / variance)
    terms = {
        "label_loss": cross_entropy(label, own[2]),
        "distillation_loss": cross_entropy(target, own[2]),
        "steps_loss": step_cross_entropy(batch["steps"], student, own[0]),
        "steps_distillation_loss": step_cross_entropy(batch["steps_distillation"], student, own[0]),
        "features_loss": float(np.mean(losses)),
    }
    shares = [check.LABEL_WEIGHT, 1 - check.LABEL_WEIGHT]
    clip, strong = ([whole * share for share in shares] for whole in (1 - check.STRONG_WEIGHT, check.STRONG_WEIGHT))
    weights = [*clip, *strong, check.FEATURE_WEIGHT]
    return terms | {"loss": sum(weight * term for weight, term in zip(weights, terms.values(), strict=True))}


@pytest.fixture(scope="module")
def here() -> Any:
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield check.steps(3)
    tf.config.run_functions_eagerly(False)


def test_the_terms_of_a_step_are_those_of_the_definitions(here: Any) -> None:
    first = here[2][0]
    assert first == pytest.approx(expected_terms(), rel=1e-3)


def test_the_average_follows_the_weights_that_each_step_begins_with(here: Any) -> None:
    weights, average, _ = here
    # From the weights before every step, which fewer steps end with.
    states = [check.network(7, check.CLASSES, 1).get_weights(), check.steps(1)[0], check.steps(2)[0]]
    expected = [value.astype(np.float64) for value in states[0]]
    for step, state in enumerate(states):
        decay = min(check.DECAY, (1 + step) / (10 + step))
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, state, strict=True)]
    for ours, reference in zip(average, expected, strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-6)
    assert not all(np.allclose(ours, now) for ours, now in zip(average, weights, strict=True))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_backend_takes_the_same_steps(here: Any, kept_process: Callable[..., Any], backend: str) -> None:
    there = kept_process(backend).call(check.steps, 3)
    for ours, theirs in zip(here[:2], there[:2], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-4)
    for ours, theirs in zip(here[2], there[2], strict=True):
        assert theirs == pytest.approx(ours, rel=2e-3)


CHOICES: dict[str, Any] = {
    "model": "passt",
    "model_options": {"width": 8, "depth": 1, "heads": 2, "patch": 4, "stride": 4, "patchout_time": 1},
    "epochs": 2,
    "batch_size": 6,
    "learning_rate": 0.01,
    "ema": 0.9,
    "monitor": "last",
    "augment": {"roll": 2, "time_mask": 2},
}


@pytest.mark.parametrize(
    "backend",
    ["tensorflow", pytest.param("jax", marks=pytest.mark.slow), pytest.param("torch", marks=pytest.mark.slow)],
)
def test_a_run_that_is_told_to_end_keeps_its_step_and_ends_with_the_same_bits(
    tones: records.Data, kept_process: Callable[..., Any], tmp_path: Path, backend: str
) -> None:
    assert kept_process(backend).call(check.interrupted, tones.path, tmp_path, CHOICES)


def test_an_average_over_epochs_is_their_mean_from_its_first_one_on() -> None:
    network = check.network(2, 2, 0)
    average = Average(network)
    callback, generator, states = AverageEpochs(average, start=2, every=2), np.random.default_rng(3), []
    for epoch in range(5):
        states.append([generator.normal(size=weight.shape).astype(np.float32) for weight in network.weights])
        network.set_weights(states[-1])
        callback.on_epoch_end(epoch)
        if epoch == 0:
            assert all(map(np.array_equal, average.network.get_weights(), states[0]))
    for ours, second, fourth in zip(average.network.get_weights(), states[1], states[3], strict=True):
        np.testing.assert_allclose(ours, (second + fourth) / 2, atol=1e-6)
