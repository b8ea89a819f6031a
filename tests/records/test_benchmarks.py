"""`audiotag bench`: what it measures, and that it leaves nothing behind; figures are never asserted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, augment, records
from audiotag.records import benchmarks


def test_reading_is_measured_in_every_type_with_and_without_mixup(built: Path) -> None:
    rows = list(benchmarks.reading(records.open(built), "fold1+fold2", batch_size=4, step=0.01, seconds=0.05))
    assert [(row.dtype, row.mixup) for row in rows] == [
        (dtype, mixup) for dtype in ("float32", "float16", "bfloat16") for mixup in (0.0, 0.3)
    ]
    assert all(row.clips_per_second > 0 and 0 <= row.waiting <= 1 for row in rows)
    sizes = {round(row.megabytes_per_second / row.clips_per_second * 1e6) for row in rows}
    shards = records.open(built).selected_shards("fold1+fold2")
    assert sizes == {round(sum(shard.bytes for shard in shards) / sum(shard.examples for shard in shards))}


def test_building_is_measured_as_a_whole_and_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for seed in range(4):
        sound = np.random.default_rng(seed).normal(scale=0.1, size=8000).astype(np.float32)
        audio.write(tmp_path / "sounds" / "ab"[seed % 2] / f"{seed}.wav", sound, 16_000)
    declared = records.declare(tmp_path / "sounds", seconds=0.5)
    speed = benchmarks.building(declared, policy=augment.policy("light"), variants=2, workers=(1,))
    assert list(speed.parts) == ["decode", "resample", "log-mel", "write", "augment"]
    assert speed.views == 12
    assert speed.efficiency(1) == pytest.approx(sum(speed.parts.values()) / speed.builds[1])
    assert not list((tmp_path / "temporary").iterdir())
