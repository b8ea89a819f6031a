"""The loss of texts against all ways to tell them, and against PyTorch's, on three backends."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from kept_process import module_of
from keras import ops

from audiotag.training.character_loss import CharacterLoss, log_probability

check = module_of(Path(__file__).with_name("character_check.py"))


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("text", [(), (1,), (1, 2), (2, 2), (1, 2, 1), (1, 1, 1)])
@pytest.mark.parametrize("steps", [3, 5])
def test_it_is_the_sum_over_every_path(text: tuple[int, ...], steps: int) -> None:
    logits = np.random.default_rng(len(text)).normal(size=(1, 6, 3))
    shares = softmax(logits)[0]
    expected = math.fsum(
        math.prod(float(shares[step, column]) for step, column in enumerate(path))
        for path in itertools.product(range(3), repeat=steps)
        if tuple(column for column, _ in itertools.groupby(path) if column) == text
    )
    target = np.zeros((1, 4), np.int32)
    target[0, : len(text)] = text
    found = log_probability(target, ops.convert_to_tensor(np.log(softmax(logits)), "float64"), np.array([steps]))
    if expected:
        assert float(ops.convert_to_numpy(found)[0]) == pytest.approx(math.log(expected), abs=1e-12)
    else:  # three that are the same need five steps
        assert float(ops.convert_to_numpy(found)[0]) < -1e8


def batch() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Texts of 0 to 11 characters in recordings of 26 to 40 steps."""
    random = np.random.default_rng(0)
    logits = random.normal(scale=2.0, size=(6, 40, 9)).astype(np.float32)
    lengths, steps = np.array([0, 1, 4, 7, 9, 11]), random.integers(26, 41, 6)
    target = np.zeros((6, 40, 1), np.float32)
    for row, (length, lasting) in enumerate(zip(lengths, steps, strict=True)):
        target[row, :length, 0] = random.integers(1, 5, length)
        target[row, lasting:] = -1
    return target, logits, lengths, steps


def test_it_and_its_gradient_are_those_of_pytorch() -> None:
    import tensorflow as tf
    import torch

    target, logits, lengths, steps = batch()
    given = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    texts = torch.tensor(np.maximum(target[..., 0], 0).astype(int))
    shares = torch.log_softmax(given, -1).transpose(0, 1)
    losses = torch.nn.functional.ctc_loss(shares, texts, torch.tensor(steps), torch.tensor(lengths), reduction="none")
    losses = losses / torch.tensor(steps)
    losses.sum().backward()
    with tf.GradientTape() as tape:
        own = tf.constant(logits)
        tape.watch(own)
        found = CharacterLoss(reduction="none")(target, own)
    np.testing.assert_allclose(found, losses.detach().numpy(), rtol=1e-5)
    gradient = tape.gradient(found, own).numpy()
    np.testing.assert_allclose(gradient, given.grad.numpy(), atol=1e-5)
    assert all(not gradient[row, lasting:].any() for row, lasting in enumerate(steps))  # beyond the end nothing counts


def test_what_lies_beyond_the_end_counts_for_nothing() -> None:
    target, logits, _, steps = batch()
    changed = logits.copy()
    for row, lasting in enumerate(steps):
        changed[row, lasting:] = 50.0
    first, second = (ops.convert_to_numpy(CharacterLoss(reduction="none")(target, each)) for each in (logits, changed))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_backends_give_the_same(kept_process, backend: str) -> None:
    target, logits, *_ = batch()
    there = kept_process(backend).call(check.losses, target, logits)
    np.testing.assert_allclose(there, check.losses(target, logits), rtol=1e-5)
