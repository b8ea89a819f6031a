"""The loss of notes, against one that looks at one pitch of one step after another."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from audiotag.training.note_loss import NoteLoss


def slow(target: np.ndarray, logits: np.ndarray, weight: float) -> float:
    total = 0.0
    for step in range(len(target)):
        for wanted, given in zip(target[step], logits[step], strict=True):
            onset, *others = (1 / (1 + math.exp(-value)) for value in given)
            frame, offset, velocity = others
            total -= weight * math.log(onset) if wanted[0] else math.log(1 - onset)
            for asked, said in ((wanted[1], frame), (wanted[2], offset)):
                total -= math.log(said) if asked else math.log(1 - said)
            total += (velocity - wanted[3]) ** 2 if wanted[0] else 0.0
    return total / len(target)


@pytest.mark.parametrize("weight", [1.0, 5.0])
def test_it_equals_a_slow_one(weight: float) -> None:
    random = np.random.default_rng(0)
    target = (random.random((2, 6, 5, 4)) < 0.3).astype(np.float32)
    target[..., 3] = random.random((2, 6, 5))
    logits = random.normal(size=target.shape).astype(np.float32)
    expected = np.mean([slow(*pair, weight) for pair in zip(target, logits, strict=True)])
    assert float(NoteLoss(weight)(target, logits)) == pytest.approx(expected, rel=1e-5)


def test_it_is_finite_far_from_zero_and_survives_its_configuration() -> None:
    loss = NoteLoss(3.0)
    target, logits = np.ones((1, 1, 1, 4), np.float32), np.full((1, 1, 1, 4), -200.0, np.float32)
    assert float(loss(target, logits)) == pytest.approx(3 * 200 + 200 + 200 + 1)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.onset_weight == 3.0
