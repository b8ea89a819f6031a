"""Targets from a teacher that does not know every class, against a slow reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from audiotag import records, storage
from audiotag.records import targets, tfrecord
from audiotag.records.example import encode_teacher
from audiotag.task import Task

GENERATOR = np.random.default_rng(0)
LOGITS = np.where(GENERATOR.random((9, 5)) < 0.4, np.nan, GENERATOR.normal(scale=3, size=(9, 5))).astype(np.float32)
LABELS = (GENERATOR.random((9, 5)) < 0.5).astype(np.float32)
KNOWN = np.array([True] * 7 + [False] * 2)


def softened(task: str, temperature: float) -> np.ndarray:
    taught = {"logits": tf.constant(np.where(KNOWN[:, None], LOGITS, 0)), "known": tf.constant(KNOWN)}
    return targets.soften(tf.constant(LABELS), taught, task=Task(task), temperature=temperature).numpy()


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_class_without_a_teacher_keeps_its_label(temperature: float) -> None:
    assert 0 < np.isnan(LOGITS[:7]).sum() < 35
    found = softened("multilabel", temperature)
    for row in range(9):
        for column in range(5):
            logit = float(LOGITS[row, column])
            taught = KNOWN[row] and not math.isnan(logit)
            wanted = 1 / (1 + math.exp(-logit / temperature)) if taught else LABELS[row, column]
            assert found[row, column] == pytest.approx(wanted, abs=1e-6)


def test_shares_of_a_whole_with_a_part_missing_are_not_used() -> None:
    found = softened("multiclass", 1.0)
    for row in range(9):
        if KNOWN[row] and not np.isnan(LOGITS[row]).any():
            powers = [math.exp(logit) for logit in LOGITS[row]]
            np.testing.assert_allclose(found[row], np.array(powers) / sum(powers), atol=1e-6)
        else:
            np.testing.assert_array_equal(found[row], LABELS[row])


@pytest.mark.parametrize(("without", "faults"), [(["high/shrill"], 0), ([], 1), (["low, deep", "high/shrill"], 1)])
def test_verification_wants_outputs_for_exactly_the_known_classes(
    copied: Path, teach: Callable, without: list[str], faults: int
) -> None:
    teach(copied)
    data = records.open(copied)
    card = storage.read_json(data.teacher_folder("oracle") / "teacher.json")
    for shard in [shard for split in data.splits for shard in data.shards(split)]:
        rows = [encode_teacher(*key, np.array([0.5, np.nan])) for key in data.keys(shard)]
        card["shards"][shard.name]["sha256"] = tfrecord.write(data.teacher_folder("oracle") / shard.name, rows).sha256
    card["classes_without"] = without
    storage.write_json(data.teacher_folder("oracle") / "teacher.json", card)
    assert len({problem.message for problem in records.verify(copied)}) == faults
