"""Several stored teachers in one reading, and how much of the records each of them knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from audiotag import progress, records
from audiotag.errors import AudiotagError
from audiotag.records import targets, teachers
from audiotag.task import Task


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("passt_s", {"passt_s": 1.0}),
        ("mn10+mn04", {"mn10+mn04": 1.0}),
        ("passt_1,passt_2=2", {"passt_1": 1.0, "passt_2": 2.0}),
        (" b = 0.5 , a=1e3", {"b": 0.5, "a": 1000.0}),
    ],
)
def test_a_text_names_teachers_and_their_weights(text: str, weights: dict[str, float]) -> None:
    assert list(teachers.parse(text).items()) == list(weights.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "received '': name one"),
        ("a,,b", "received 'a,,b': name one"),
        ("=2", "received '=2': name one"),
        ("a,b,a=2", "received 'a' twice in 'a,b,a=2'"),
        ("a=0", "positive number, received 'a=0'"),
        ("a,b=-1", "positive number, received 'b=-1' in 'a,b=-1'"),
        ("a=inf", "positive number, received 'a=inf'"),
        ("a=nan", "positive number, received 'a=nan'"),
        ("a=", "positive number, received 'a='"),
        ("a=much", "positive number, received 'a=much'"),
        (["a", "b"], r"one text, such as .*received \['a', 'b'\]"),
    ],
)
def test_another_text_is_refused(copied: Path, text: str, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        records.open(copied).read("all", teacher=text)


def mean_by_hand(answers: list[np.ndarray], weights: list[float], exclusive: bool) -> np.ndarray:
    mean = np.full_like(answers[0], np.nan)
    for row, column in np.ndindex(mean.shape):
        knowing = [
            (weight, answer[row, column])
            for answer, weight in zip(answers, weights, strict=True)
            if not (np.isnan(answer[row]).any() if exclusive else np.isnan(answer[row, column]))
        ]
        if knowing:
            mean[row, column] = sum(weight * logit for weight, logit in knowing) / sum(weight for weight, _ in knowing)
    return mean


@pytest.mark.parametrize("task", list(Task))
def test_the_mean_is_of_those_that_know_a_class_of_a_clip(task: Task) -> None:
    generator, weights = np.random.default_rng(0), [1.0, 2.0, 0.5]
    answers = [generator.normal(scale=3, size=(20, 3)).astype(np.float32) for _ in weights]
    for answer in answers:
        answer[generator.random(answer.shape) < 0.2] = np.nan
        answer[generator.random(20) < 0.6] = np.nan
    parsed = []
    for answer in answers:
        known = ~np.isnan(answer).all(axis=1)
        logits = np.where(known[:, None], answer, 0)
        parsed.append({"logits": tf.constant(logits), "known": tf.constant(known)})
    mean = targets.mean_of_teachers(parsed, weights, task=task)
    expected = mean_by_hand(answers, weights, task.exclusive)
    assert 0 < np.isnan(expected).all(axis=1).sum() < 20
    np.testing.assert_allclose(mean["logits"], expected, rtol=1e-5)
    np.testing.assert_array_equal(mean["known"], ~np.isnan(expected).all(axis=1))
    assert targets.mean_of_teachers(parsed[:1], [3.0], task=task) is parsed[0]


def test_several_teachers_are_read_as_their_mean_and_one_as_ever(copied: Path, teach: Callable) -> None:
    data = records.open(copied)
    first, second = teach(copied, "first"), teach(copied, "second", without=("clip3",), seed=1)
    options = {"batch_size": 69, "temperature": 2.0, "label_weight": 0.0, "keys": True}
    _, target, clip_ids, variants = next(iter(data.read("all", teacher="first,second=3", **options)))
    for row, clip_id, variant in zip(target.numpy(), clip_ids.numpy(), variants.numpy(), strict=True):
        key = clip_id.decode(), int(variant)
        logits = first[key] if key[0] == "clip3" else (first[key] + 3 * second[key]) / 4
        np.testing.assert_allclose(row, data.task.probabilities(logits[None] / 2)[0], atol=1e-6)
    alone = next(iter(data.read("all", teacher="first", **options)))[1]
    weighted = next(iter(data.read("all", teacher="first=7", **options)))[1]
    np.testing.assert_array_equal(alone, weighted)
    shuffled = {"shuffle": True, "balance": True, "mixup": 0.3, "first_epoch": 1} | options
    stream = data.read("all", teacher="first,second", **shuffled).take(2)
    for (_, rows, *keys), (_, same_rows, *same_keys) in zip(stream, stream, strict=True):
        np.testing.assert_array_equal(rows, same_rows)
        assert all(np.array_equal(*pair) for pair in zip(keys, same_keys, strict=True))


def test_each_of_several_teachers_must_belong_to_the_data(copied: Path, teach: Callable) -> None:
    data = records.open(copied)
    teach(copied, "first")
    with pytest.raises(AudiotagError, match=r"no outputs of a teacher 'frist': did you mean 'first'"):
        data.read("all", teacher="first,frist=2")
    teach(copied, "second")
    (shard,) = data.shards("fold1")
    path = data.teacher_folder("second") / shard.name
    path.write_bytes((data.teacher_folder("second") / data.shards("fold2")[0].name).read_bytes())
    with pytest.raises(tf.errors.InvalidArgumentError, match="outputs of teacher second do not belong"):
        list(data.read("fold1", batch_size=8, teacher="first,second"))


def test_coverage_is_known_refused_where_there_is_none_and_said_where_it_is_partial(
    copied: Path, teach: Callable, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_quiet", False)
    data = records.open(copied)
    clip_ids = {split: data.clips.query("split == @split and status == 'ok'")["clip_id"] for split in data.splits}
    teach(copied, "partial", without=(*clip_ids["fold1"], *clip_ids["fold2"].iloc[:2]))
    assert teachers.coverage(data, "partial", "fold1") == 0
    assert teachers.coverage(data, "partial", "fold2") == 6 / 8
    assert teachers.coverage(data, "partial", "all") == 13 / 23
    teach(copied, "whole")
    capsys.readouterr()
    with pytest.raises(AudiotagError, match=r"'partial' has outputs for none of the records of fold1 of tones: teach"):
        data.read("fold1", teacher="whole,partial")
    data.read("fold2+fold3", teacher="whole,partial", batch_size=4)
    assert capsys.readouterr().err.splitlines() == [
        "Teacher partial has outputs for 86.67% of the records of fold2+fold3 of tones; the others keep their labels"
    ]
    data.read("fold3", teacher="partial")
    assert capsys.readouterr().err == ""
