"""Shards, order and split expressions, which nothing but the declaration may decide."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotag.clips.splits import select
from audiotag.errors import AudiotagError
from audiotag.records import Clip, plan


def first_64_bits(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


FOLDS = [f"fold{number}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("fold2", ["fold2"]),
        ("fold1..4", ["fold1", "fold2", "fold3", "fold4"]),
        ("fold9..10+fold1", ["fold9", "fold10", "fold1"]),
        ("fold1, fold3", ["fold1", "fold3"]),
        ("fold3+fold1..3", ["fold3", "fold1", "fold2"]),
        ("all", FOLDS),
    ],
)
def test_expressions_choose_splits(expression: str, chosen: list[str]) -> None:
    assert select(expression, FOLDS) == chosen


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("flod3", "did you mean 'fold3'"),
        ("fold0..3", "no split is named 'fold0'"),
        ("fold1..999999999999", "no split is named 'fold11'"),
        ("fold4..1", "upwards"),
        ("", "splits are named like"),
        ("fold1+", "splits are named like"),
    ],
)
def test_wrong_expressions_say_what_is_known(expression: str, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        select(expression, FOLDS)


def test_shards_are_about_16_megabytes_and_at_most_1024() -> None:
    assert plan.shard_count(1, 0, 100) == 1
    assert plan.shard_count(1000, 4, 127_488) == -(-5000 * 127_488 // (16 << 20))
    assert plan.shard_count(2_000_000, 0, 256_000) == 1024


def test_small_splits_still_give_several_workers_something_to_do() -> None:
    assert plan.shard_count(128, 0, 1) == 2
    assert plan.shard_count(100_000, 0, 1) == 8


@given(st.permutations([f"clip{number}" for number in range(40)]))
def test_shard_and_order_do_not_depend_on_the_order_of_declaration(clip_ids: list[str]) -> None:
    def laid_out(names: list[str]) -> list[list[tuple[str, int]]]:
        clip, variant, sizes = plan.arrange(names, 2, 3)
        rows = [(names[index], int(view)) for index, view in zip(clip, variant, strict=True)]
        starts = [0, *sizes.cumsum()]
        return [rows[begin:end] for begin, end in itertools.pairwise(starts)]

    assert laid_out(clip_ids) == laid_out(sorted(clip_ids))


def test_the_arrangement_puts_each_record_where_the_planned_shards_do() -> None:
    clips = [Clip(f"clip{number}", "x", (), "train") for number in range(300)]
    shards = plan.plan_shards(clips, 1, 1)
    clip, variant, sizes = plan.arrange([one.clip_id for one in clips], 1, len(shards))
    begin = 0
    for shard, size in zip(shards, sizes, strict=True):
        rows = [(clips[clip[row]].clip_id, int(variant[row])) for row in range(begin, begin + size)]
        expected = [(one.clip_id, view) for one in shard.clips for view in (0, 1)]
        assert rows == sorted(expected, key=lambda key: first_64_bits(f"order {key[1]} {key[0]}"))
        assert {first_64_bits(f"shard {one.clip_id}") % len(shards) for one in shard.clips} <= {shards.index(shard)}
        begin += size
    assert begin == 600


def test_variants_of_a_clip_are_scattered() -> None:
    clip, _, _ = plan.arrange([f"clip{number}" for number in range(200)], 4, 1)
    assert (clip[1:] == clip[:-1]).mean() < 0.03


def test_folds_are_in_natural_order() -> None:
    clips = [Clip(f"clip{number}", "x", (), f"fold{number}") for number in (10, 2, 1)]
    assert [shard.split for shard in plan.plan_shards(clips, 0, 1)] == ["fold1", "fold2", "fold10"]
