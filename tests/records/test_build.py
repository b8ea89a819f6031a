"""Builds: the same bytes whoever makes them, every clip accounted for, and clear errors."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audiotag import audio, records, storage
from audiotag.clips.declaration import load_file
from audiotag.errors import AudiotagError
from audiotag.frontend import log_mel
from tests.in_process import ThisProcess


def rows_of(data: Path) -> list[dict[str, str]]:
    with (data / "clips.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_workers_write_the_same_bytes_as_one(
    build: Callable, built: Path, tmp_path: Path, shard_checksums: Callable
) -> None:
    build(tmp_path / "tones", workers=2, sources="clip5=bad")
    assert shard_checksums(tmp_path / "tones") == shard_checksums(built)
    assert (tmp_path / "tones" / "dataset.json").read_bytes() == (built / "dataset.json").read_bytes()
    assert (tmp_path / "tones" / "clips.csv").read_bytes() == (built / "clips.csv").read_bytes()


def test_the_manifest_accounts_for_every_byte(built: Path) -> None:
    manifest = json.loads((built / "dataset.json").read_text(encoding="utf-8"))
    assert {shard["name"] for shard in manifest["shards"]} == {path.name for path in (built / "records").iterdir()}
    for shard in manifest["shards"]:
        path = built / "records" / shard["name"]
        assert (shard["bytes"], shard["sha256"]) == (path.stat().st_size, storage.sha256(path))
    assert sum(shard["examples"] for shard in manifest["shards"]) == 23 * 3
    assert (manifest["name"], manifest["licence"], manifest["variants"]) == ("tones", "CC0-1.0", 2)
    assert manifest["augmentation"]["name"] == "light"
    assert not [path.name for path in built.parent.iterdir() if path.name.startswith(".")]


def test_a_record_holds_the_log_mel_of_its_clip(built: Path, dataset_file: Path) -> None:
    data, module = records.open(built), load_file(dataset_file)
    declared = {clip.clip_id: clip for clip in module.declare().clips}
    seen = 0
    for features, target, clip_id, _ in data.read("fold1", variants=0, keys=True):
        clip = declared[clip_id.numpy().decode()]
        expected = log_mel(module.render(None, clip, 16_000), data.front_end)
        np.testing.assert_array_equal(features[..., 0], expected.astype(np.float16).astype(np.float32))
        np.testing.assert_array_equal(target, data.labels.multi_hot(clip.labels))
        seen += 1
    assert seen == 8


def test_every_clip_is_in_the_table_and_rejected_ones_have_a_reason(build: Callable, tmp_path: Path) -> None:
    report = build(tmp_path / "out", variants=0, clips=12, sources="clip2=missing,clip3=bad,clip7=nan,clip8=what")
    rows = {row["clip_id"]: row for row in rows_of(report.path)}
    assert (report.clips, report.rejected, report.examples) == (12, 4, 8)
    assert len(rows) == 12
    assert rows["clip2"]["reason"] == "No such file or directory: gone.wav"
    assert rows["clip3"]["reason"] == "gone.wav is not audio"
    assert "NaN" in rows["clip7"]["reason"]
    assert "could not convert" in rows["clip8"]["reason"]
    assert {row["status"] for name, row in rows.items() if not row["reason"]} == {"ok"}
    assert rows["clip0"]["labels"] == "high/shrill"
    assert rows["clip1"]["labels"] == "low, deep"
    assert not records.verify(report.path)


def test_a_build_where_every_clip_is_rejected_fails_and_leaves_nothing(build: Callable, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"all 2 clips were rejected.*gone\.wav is not audio.*sounds"):
        build(tmp_path / "out", clips=2, sources="clip0=bad,clip1=bad", allow=("shared-recordings",))
    assert not list(tmp_path.iterdir())


def test_a_data_set_that_is_there_is_not_built_again(build: Callable, copied: Path) -> None:
    before = (copied / "dataset.json").stat().st_mtime_ns
    report = build(copied, sources="clip5=bad")
    assert report.existed
    assert (report.clips, report.rejected, report.examples) == (24, 1, 69)
    assert (copied / "dataset.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, r"seed \(0 / 1\)"),
        ({"variants": 0}, r"augmentation \(light / none\), variants \(2 / 0\)"),
        ({"clips": 23}, r"clips \(24 / 23\)"),
        ({"rare": 3}, "as many, not the same clips"),
        ({"version": "2"}, r"version \(1 / 2\)"),
        ({"front_end": "passt"}, r"front end \(sample_rate 16000 / 32000"),
    ],
)
def test_another_data_set_in_the_way_is_told_apart(build: Callable, built: Path, changed: dict, named: str) -> None:
    with pytest.raises(AudiotagError, match=f"{named}.*choose another folder"):
        build(built, sources="clip5=bad", **changed)


def test_a_damaged_data_set_in_the_way_is_not_taken_for_whole(build: Callable, copied: Path) -> None:
    next((copied / "records").iterdir()).unlink()
    with pytest.raises(AudiotagError, match="damaged"):
        build(copied, sources="clip5=bad")


def test_a_file_or_a_foreign_folder_in_the_way_is_refused(build: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine", encoding="utf-8")
    for name in ("file", "folder"):
        with pytest.raises(AudiotagError, match="exists and is not a data set"):
            build(tmp_path / name)
    with pytest.raises(AudiotagError, match="cannot write"):
        build(tmp_path / "file" / "below")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, where nothing can be written")
def test_a_read_only_output_is_one_clear_error(build: Callable) -> None:
    with pytest.raises(AudiotagError, match=r"cannot write /proc/audiotag \("):
        build(Path("/proc/audiotag"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variants": -1}, "variants must be a whole number, at least 0"),
        ({"workers": 0}, "workers must be a whole number, at least 1"),
        ({"seed": -1}, "seed must be"),
        ({"variants": 2}, "without a policy would be copies"),
        ({"front_end": "efficientnat"}, "did you mean 'efficientat'"),
    ],
)
def test_options_out_of_range_are_refused(dataset_file: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(AudiotagError, match=message):
        records.build(records.declare(dataset_file), tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_a_read_function_that_cannot_reach_the_workers_is_refused(dataset_file: Path, tmp_path: Path) -> None:
    declaration = dataclasses.replace(records.declare(dataset_file), read=lambda root, clip, rate: np.ones(rate))
    with pytest.raises(AudiotagError, match="module-level functions"):
        records.build(declaration, tmp_path / "out")


def test_a_second_build_into_the_same_folder_is_refused_while_the_first_runs(build: Callable, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        storage.locked(tmp_path / ".out.incomplete", ""),
        pytest.raises(AudiotagError, match="another process is building"),
    ):
        build(tmp_path / "out")


def test_a_data_set_knows_where_its_recordings_lie_and_that_they_have_gone(tmp_path) -> None:
    for level, name in enumerate(("cat", "dog")):
        audio.write(tmp_path / "sounds" / name / "1.wav", np.full(8000, 0.1 * level, np.float32), 8000)
    records.build(records.declare(tmp_path / "sounds"), tmp_path / "deep" / "data", engine=ThisProcess())
    moved = tmp_path / "elsewhere"
    (tmp_path / "deep").rename(moved)
    data = records.open(moved / "data")
    assert data.recordings is not None and (data.recordings / "dog" / "1.wav").is_file()
    (tmp_path / "sounds").rename(tmp_path / "gone")
    assert records.open(moved / "data").recordings is None
    made = records.build(records.declare("synthetic", clips=12), tmp_path / "made", engine=ThisProcess())
    assert records.open(made.path).recordings is None
