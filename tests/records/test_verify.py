"""Damage, done for real, is found and named by shard, offset and clip."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from audiotag import records, storage
from audiotag.errors import AudiotagError
from audiotag.records import tfrecord
from audiotag.records.manifest import Manifest


def first_shard(data: Path) -> Path:
    return sorted((data / "records").iterdir())[0]


def test_a_whole_data_set_has_no_problems(built: Path) -> None:
    assert records.verify(built) == []


def test_a_flipped_bit_is_named_by_shard_offset_and_clip(copied: Path) -> None:
    path = first_shard(copied)
    record, key = list(tfrecord.walk(path))[4], records.open(copied).keys(path)[4]
    content = bytearray(path.read_bytes())
    content[record.offset + 300] ^= 0x10
    path.write_bytes(content)
    found = [problem for problem in records.verify(copied) if problem.offset is not None]
    assert [(problem.shard, problem.offset, problem.clip_id) for problem in found] == [
        (f"records/{path.name}", record.offset, key[0])
    ]
    assert str(found[0]).startswith(f"records/{path.name}, byte {record.offset}, clip {key[0]}: ")


def test_a_flipped_bit_of_a_length_is_found(copied: Path) -> None:
    path = first_shard(copied)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    assert any(problem.offset == 0 and "length is damaged" in problem.message for problem in records.verify(copied))


def test_a_shard_cut_off_between_two_records_is_found(copied: Path) -> None:
    path = first_shard(copied)
    end = list(tfrecord.walk(path))[2].offset
    path.write_bytes(path.read_bytes()[:end])
    assert any(problem.offset == end and "ends after 2 of" in problem.message for problem in records.verify(copied))


def test_records_in_another_order_are_found_even_with_right_checksums(copied: Path) -> None:
    path = first_shard(copied)
    data = [record.data for record in tfrecord.walk(path)]
    tfrecord.write(path, [data[1], data[0], *data[2:]])
    messages = [problem.message for problem in records.verify(copied)]
    assert sum("not '" in message for message in messages) == 2


def test_missing_stray_and_edited_files_are_found(copied: Path) -> None:
    path = first_shard(copied)
    path.unlink()
    (copied / "records" / "notes.txt").write_text("hello", encoding="utf-8")
    found = {(problem.shard, problem.message) for problem in records.verify(copied)}
    assert (f"records/{path.name}", "the shard is missing") in found
    assert ("records/notes.txt", "the file does not belong to the data set") in found
    (copied / "clips.csv").write_text("clip_id\n", encoding="utf-8")
    assert [problem.shard for problem in records.verify(copied)] == ["clips.csv"]


def test_an_edited_manifest_is_refused(copied: Path) -> None:
    manifest = json.loads((copied / "dataset.json").read_text(encoding="utf-8"))
    storage.write_json(copied / "dataset.json", {**manifest, "seed": 5})
    with pytest.raises(AudiotagError, match="fingerprint"):
        records.verify(copied)


def test_a_folder_that_is_no_data_set_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="audiotag build"):
        records.verify(tmp_path)
    (tmp_path / ".begun.incomplete").mkdir()
    with pytest.raises(AudiotagError, match="interrupted"):
        records.open(tmp_path / "begun")


def test_teachers_are_verified_too(copied: Path, teach: Callable) -> None:
    teach(copied)
    assert records.verify(copied) == []
    path = copied / "teachers" / "oracle" / first_shard(copied).name
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    assert any(problem.shard == f"teachers/oracle/{path.name}" for problem in records.verify(copied))
    card = copied / "teachers" / "oracle" / "teacher.json"
    storage.write_json(card, {**json.loads(card.read_text(encoding="utf-8")), "fingerprint": "0" * 64})
    assert any("belong to another data set" in problem.message for problem in records.verify(copied))


@pytest.mark.parametrize("name", ["../outside", "/outside", "folder/outside", "..", ".hidden", "C:\\outside"])
@pytest.mark.parametrize("place", ["shards", "files"])
def test_a_manifest_that_names_files_outside_the_data_set_is_refused(copied: Path, place: str, name: str) -> None:
    """Whoever writes such a manifest computes its fingerprint too."""
    manifest = Manifest.read(copied)
    shards, files = list(manifest.shards), dict(manifest.files)
    if place == "shards":
        shards[0] = replace(shards[0], name=name)
    else:
        files[name] = files.pop("clips.csv")
    replace(manifest, shards=tuple(shards), files=files).write(copied)
    with pytest.raises(AudiotagError, match="without folders, received"):
        records.verify(copied)
