"""Reading: splits, order, balance, mixup and teachers, each against what the arrays say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from audiotag import records, storage
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell
from audiotag.records import balance, pipeline, tfrecord
from audiotag.records.example import encode_teacher
from audiotag.task import Task


@pytest.fixture(scope="module")
def data(built: Path) -> records.Data:
    return records.open(built)


def keys_of(dataset: tf.data.Dataset) -> list[tuple[str, int]]:
    return [(clip_id.decode(), int(variant)) for *_, clip_id, variant in dataset.as_numpy_iterator()]


@pytest.fixture(scope="module")
def every(data: records.Data) -> list[tuple[str, int]]:
    """Keys in the order in which all records are read."""
    return keys_of(data.read("all", keys=True))


def batches_equal(first: tuple, second: tuple) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True))


def test_an_open_data_set_knows_its_contents(data: records.Data) -> None:
    assert (data.name, data.task, data.seconds, data.frames, data.variants) == ("tones", "multiclass", 0.5, 20, 2)
    assert data.labels.names == ("low, deep", "high/shrill")
    assert data.splits == {"fold1": 8, "fold2": 8, "fold3": 7}
    assert data.select("fold1..2") == ["fold1", "fold2"]
    assert data.count("all") == 69
    assert data.count("fold1+fold3", variants=[0, 2]) == 30
    assert data.steps("all", 16) == 5
    assert data.steps("all", 16, drop_remainder=True) == 4
    assert data.clips["clip_id"].tolist()[:2] == ["clip0", "clip1"]
    assert data.clips["status"].value_counts().to_dict() == {"ok": 23, "rejected": 1}
    assert data.teachers == []


def test_unshuffled_records_come_in_the_order_of_the_files(data: records.Data) -> None:
    expected = [key for split in ("fold2", "fold1") for shard in data.shards(split) for key in data.keys(shard)]
    assert keys_of(data.read("fold2+fold1", keys=True)) == expected
    assert len(expected) == 48


def test_batches_have_the_promised_shapes_and_number(data: records.Data) -> None:
    dataset = data.read("all", batch_size=16)
    shapes = [(x.shape, x.dtype, y.shape, y.dtype) for x, y in dataset]
    assert dataset.cardinality() == len(shapes) == data.steps("all", 16)
    assert shapes[0] == ((16, 20, 16, 1), tf.float32, (16, 2), tf.float32)
    assert shapes[-1][0] == (69 - 64, 20, 16, 1)
    whole = data.read("all", batch_size=16, drop_remainder=True)
    assert whole.element_spec[0].shape == (16, 20, 16, 1)
    assert len(list(whole)) == 4


@pytest.mark.parametrize(("variants", "views"), [(None, {0, 1, 2}), (0, {0}), ([2, 0], {0, 2})])
def test_variants_are_chosen(data: records.Data, variants: object, views: set[int]) -> None:
    found = keys_of(data.read("all", variants=variants, shuffle=True, keys=True))
    assert len(found) == len(set(found)) == data.count("all", variants)
    assert {variant for _, variant in found} == views


def test_a_finite_data_set_is_shuffled_anew_each_time_but_the_same_in_every_run(
    data: records.Data, every: list[tuple[str, int]]
) -> None:
    dataset, again = (data.read("all", shuffle=True, keys=True, seed=3) for _ in range(2))
    first, second = keys_of(dataset), keys_of(dataset)
    assert first != second
    assert Counter(first) == Counter(second) == Counter(every)
    assert [keys_of(again), keys_of(again)] == [first, second]
    assert keys_of(data.read("all", shuffle=True, keys=True, seed=4)) != first


@pytest.mark.parametrize("deterministic_operations", [False, True])
def test_a_stream_from_a_later_epoch_is_the_tail_of_the_stream(
    copied: Path, teach: Callable, deterministic_operations: bool
) -> None:
    data = records.open(copied)
    teach(copied)
    options = {"batch_size": 16, "shuffle": True, "balance": True, "mixup": 0.3, "teacher": "oracle", "seed": 1}
    steps = data.steps("all", 16)
    if deterministic_operations:
        tf.config.experimental.enable_op_determinism()
    try:
        whole = list(data.read("all", first_epoch=0, keys=True, **options).take(3 * steps))
        tail = list(data.read("all", first_epoch=2, keys=True, **options).take(steps))
    finally:
        config.disable_op_determinism()
    assert all(batches_equal(a, b) for a, b in zip(whole[2 * steps :], tail, strict=True))
    assert not batches_equal(whole[0], whole[steps])
    assert len(whole[steps - 1][0]) == 69 - 4 * 16


def test_an_endless_stream_says_so(data: records.Data) -> None:
    assert data.read("all", batch_size=4, first_epoch=0).cardinality() == tf.data.INFINITE_CARDINALITY


def test_weights_are_those_of_the_published_sampler() -> None:
    weights = balance.weights([[0], [0, 1], [1], [1], []], 2)
    expected = [1000 / 102, 1000 / 102 + 1000 / 103, 1000 / 103, 1000 / 103, 1000 / 101]
    np.testing.assert_allclose(weights, expected)


def test_draws_follow_the_weights_within_their_deviation() -> None:
    weights = np.array([0.0, 1.0, 2.0, 5.0] * 1000)
    drawn = balance.draws(weights, seed=0, epoch=7)
    assert drawn.sum() == 3000
    by_weight = drawn.reshape(-1, 4).sum(axis=0)
    share = weights[:4] / 8
    assert (np.abs(by_weight - 3000 * share) <= 4 * np.sqrt(3000 * share * (1 - share))).all()
    np.testing.assert_array_equal(drawn, balance.draws(weights, seed=0, epoch=7))
    assert (drawn != balance.draws(weights, seed=0, epoch=8)).any()


def test_balanced_reading_draws_what_it_says(data: records.Data) -> None:
    weights = data.record_weights("all", balanced=True)
    keys = [key for split in data.splits for shard in data.shards(split) for key in data.keys(shard)]
    expected = Counter({key: int(n) for key, n in zip(keys, balance.draws(weights, 5, 2), strict=True) if n})
    stream = data.read("all", batch_size=69, shuffle=True, balance=True, keys=True, seed=5, first_epoch=2)
    _, target, clip_id, variant = next(iter(stream))
    found = Counter(zip([name.decode() for name in clip_id.numpy()], variant.numpy().tolist(), strict=True))
    assert found == expected
    drawn = [
        data.labels.multi_hot(split_cell(cell)) for cell in data.rows([clip_id for clip_id, _ in expected])["labels"]
    ]
    np.testing.assert_array_equal(np.array(list(expected.values())) @ drawn, np.sum(target, axis=0))
    assert data.draws("all", 2, seed=5) == dict(zip(data.labels, np.sum(target, axis=0), strict=True))


def test_balanced_reading_keeps_to_the_chosen_variants(data: records.Data) -> None:
    found = keys_of(data.read("fold1..2", variants=[1], shuffle=True, balance=True, keys=True))
    assert len(found) == 16
    assert {variant for _, variant in found} == {1}


@pytest.mark.parametrize(("mixup", "compiled_from"), [(0.0, 1 << 19), (0.3, 1 << 19), (0.3, 1)])
def test_half_the_bytes_hold_the_same_log_mel(
    data: records.Data, mixup: float, compiled_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_COMPILED_FROM", compiled_from)
    read = {
        dtype: next(iter(data.read("all", batch_size=69, mixup=mixup, dtype=dtype, first_epoch=0)))
        for dtype in ("float32", "float16", "bfloat16")
    }
    whole, target = read["float32"]
    for dtype, bits in (("float16", 11), ("bfloat16", 8)):
        log_mel, same_target = read[dtype]
        assert log_mel.dtype == dtype
        np.testing.assert_allclose(tf.cast(log_mel, "float32"), whole, rtol=2.0**-bits, atol=1e-7)
        np.testing.assert_array_equal(same_target, target)
    if not mixup:
        np.testing.assert_array_equal(tf.cast(read["float16"][0], "float32"), whole)


@pytest.mark.parametrize("hosts", [1, 3])
def test_several_readers_have_every_record_once(data: records.Data, every: list[tuple[str, int]], hosts: int) -> None:
    read = [keys_of(data.read("all", keys=True, shuffle=True, host=(index, hosts))) for index in range(hosts)]
    assert Counter(key for keys in read for key in keys) == Counter(every)
    assert max(map(len, read)) <= 69 / hosts + max(shard.examples for shard in data.manifest.shards)
    assert data.steps("all", 5, drop_remainder=True, hosts=hosts) == min(map(len, read)) // 5
    chosen = [keys_of(data.read("all", keys=True, variants=0, host=(index, hosts))) for index in range(hosts)]
    assert sorted(key for keys in chosen for key in keys) == sorted(key for key in every if key[1] == 0)


@pytest.mark.parametrize("host", [(0, 100), (2, 2), (-1, 2)])
def test_hosts_that_there_cannot_be_are_refused(data: records.Data, host: tuple[int, int]) -> None:
    with pytest.raises(AudiotagError, match=r"index from 0 to hosts - 1.*use fewer hosts"):
        data.read("all", host=host)


def test_mixup_mixes_features_and_targets_alike(data: records.Data) -> None:
    plain, plain_targets = next(iter(data.read("fold1", batch_size=24, seed=1)))
    mixed, mixed_targets = next(iter(data.read("fold1", batch_size=24, mixup=0.5, seed=1, first_epoch=0)))
    flat, mixed_flat = (np.reshape(batch, (24, -1)).astype(np.float64) for batch in (plain, mixed))
    for row in range(24):
        difference = flat - flat[row]
        moved = mixed_flat[row] - flat[row]
        scale = np.maximum((difference**2).sum(axis=1), 1e-12)
        shares = difference @ moved / scale
        errors = np.abs(moved - shares[:, None] * difference).max(axis=1)
        partner = int(np.argmin(errors))
        assert errors[partner] < 1e-4
        assert -1e-4 <= shares[partner] <= 0.5 + 1e-4
        share = shares[partner] if partner != row else 0.0
        expected = (1 - share) * plain_targets[row] + share * plain_targets[partner]
        np.testing.assert_allclose(mixed_targets[row], expected, atol=1e-3)


def sigmoid_or_softmax(logits: np.ndarray, task: Task) -> np.ndarray:
    if not task.exclusive:
        return 1 / (1 + np.exp(-logits))
    return np.exp(logits) / np.exp(logits).sum()


def test_a_teacher_s_outputs_enter_the_targets_of_their_own_records(copied: Path, teach: Callable) -> None:
    data, logits = records.open(copied), teach(copied, without=("clip3",))
    options = {"teacher": "oracle", "keys": True, "shuffle": True, "seed": 2, "first_epoch": 0}
    together = data.read("all", batch_size=69, label_weight=0.25, temperature=2.0, **options)
    apart = data.read("all", batch_size=69, temperature=2.0, separate=True, **options)
    (_, target, clip_ids, variants), (_, parts, *_) = next(iter(together)), next(iter(apart))
    labels = dict(zip(data.clips["clip_id"], data.clips["labels"], strict=True))
    for row in range(69):
        key = (clip_ids[row].numpy().decode(), int(variants[row]))
        hard = data.labels.multi_hot([labels[key[0]].strip('"')])
        soft = hard if key[0] == "clip3" else sigmoid_or_softmax(logits[key] / 2.0, data.task)
        np.testing.assert_allclose(parts["label"][row], hard)
        np.testing.assert_allclose(parts["distillation"][row], soft, atol=1e-6)
        np.testing.assert_allclose(target[row], 0.25 * hard + 0.75 * soft, atol=1e-6)


def test_a_teacher_record_of_another_clip_is_refused_naming_both(copied: Path, teach: Callable) -> None:
    data, logits = records.open(copied), teach(copied)
    (shard,) = data.shards("fold1")
    keys = data.keys(shard)
    swapped = [keys[1], keys[0], *keys[2:]]
    path = data.teacher_folder("oracle") / shard.name
    tfrecord.write(path, [encode_teacher(*key, logits[key]) for key in swapped])
    expected = f"the record is {keys[0][0]} variant {keys[0][1]}, the teacher gives {keys[1][0]} variant {keys[1][1]}"
    with pytest.raises(tf.errors.InvalidArgumentError, match=expected):
        list(data.read("fold1", batch_size=8, teacher="oracle"))
    tfrecord.write(path, [encode_teacher(*key, logits[key]) for key in keys[:5]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="the shard ends early"):
        list(data.read("fold1", batch_size=8, teacher="oracle"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fingerprint": "f" * 64}, "belong to another data set"),
        ({"classes": 3}, "3 classes, tones has 2"),
        ({"shards": {}}, "no outputs for fold1-"),
    ],
)
def test_a_teacher_of_other_data_is_refused(copied: Path, teach: Callable, change: dict, message: str) -> None:
    teach(copied)
    card = copied / "teachers" / "oracle" / "teacher.json"
    storage.write_json(card, {**storage.read_json(card), **change})
    with pytest.raises(AudiotagError, match=message):
        records.open(copied).read("all", batch_size=8, teacher="oracle")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be"),
        ({"mixup": 0.3}, "give a batch_size"),
        ({"mixup": -1.0, "batch_size": 2}, "mixup must be"),
        ({"label_weight": 2.0}, "label_weight"),
        ({"temperature": 0.0}, "temperature"),
        ({"separate": True}, "name a teacher"),
        ({"variants": 3}, "variants 0"),
        ({"variants": []}, "variants 0"),
        ({"teacher": "oracel"}, "no outputs of a teacher 'oracel'"),
        ({"teacher": "../x"}, "must stay inside"),
        ({"first_epoch": -1}, "first_epoch"),
        ({"seed": None}, "seed"),
        ({"batch_size": 100, "drop_remainder": True}, "less than one batch"),
    ],
)
def test_wrong_options_are_refused(data: records.Data, options: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        data.read("all", **options)


def test_an_unknown_split_or_shard_suggests_the_nearest(data: records.Data) -> None:
    with pytest.raises(AudiotagError, match="did you mean 'fold1'"):
        data.read("flod1")
    with pytest.raises(AudiotagError, match="no shard 'other'"):
        data.keys("other")


def test_batches_give_the_chosen_records_in_the_order_of_the_files(data: records.Data) -> None:
    log_mel, target, clip_id, variant = map(
        np.stack, zip(*data.read("all", keys=True).as_numpy_iterator(), strict=True)
    )
    by_shard = {shard.name: len(data.keys(shard)) for split in data.splits for shard in data.shards(split)}
    shard_of = np.repeat(list(by_shard), list(by_shard.values()))
    names = np.array([name.decode() for name in clip_id])
    choices = [
        ({"variants": None}, np.ones(69, bool)),
        ({"expression": "fold1+fold3"}, (variant == 0) & np.isin(shard_of, [n for n in by_shard if "fold2" not in n])),
        ({"shards": list(by_shard)[:2], "variants": [0, 2]}, (variant != 1) & np.isin(shard_of, list(by_shard)[:2])),
        ({"clip_ids": ["clip3", "clip7"], "variants": None}, np.isin(names, ["clip3", "clip7"])),
        ({"expression": "fold2", "clip_ids": ["clip3"]}, np.zeros(69, bool)),
    ]
    for options, expected in choices:
        read = list(data.batches(batch_size=16, **options))
        assert [len(batch["clip_id"]) for batch in read] == [
            min(16, expected.sum() - begin) for begin in range(0, expected.sum(), 16)
        ]
        assert [name for batch in read for name in batch["clip_id"]] == names[expected].tolist()
        for name, array in {"variant": variant, "log_mel": log_mel, "target": target}.items():
            found = np.concatenate([batch[name] for batch in read]) if read else array[:0]
            np.testing.assert_array_equal(found, array[expected])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"waveforms": True}, "keeps no waveforms"),
        ({"variants": 3}, "variants 0"),
        ({"shards": ["other"]}, "no shard 'other'"),
        ({"clip_ids": ["cat"]}, "lacks 1 of the 1 clips, 'cat'"),
    ],
)
def test_wrong_choices_of_batches_are_refused(data: records.Data, options: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        list(data.batches(**{"batch_size": 16, **options}))


@pytest.mark.parametrize("variants", [None, 0])
def test_a_shard_that_is_gone_cut_off_or_damaged_is_named(copied: Path, variants: int | None) -> None:
    data = records.open(copied)
    path = data.shards("fold2")[0]
    content, cut = path.read_bytes(), list(tfrecord.walk(path))[2].offset
    for damaged in (content[:-7], content[:cut], content[:300] + bytes([content[300] ^ 1]) + content[301:]):
        path.write_bytes(damaged)
        with pytest.raises(AudiotagError, match=f"{path.name} is missing or damaged: run `audiotag verify"):
            list(data.batches(batch_size=16, variants=variants))
    path.unlink()
    with pytest.raises(AudiotagError, match=f"{path.name} is missing or damaged: run `audiotag verify"):
        list(data.batches(batch_size=16, variants=variants))
