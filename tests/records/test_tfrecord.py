"""The TFRecord format against TensorFlow's own reader, and CRC-32C against its published values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotag import storage
from audiotag.records import tfrecord


def slow_crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "published"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_checksums_equal_those_of_rfc_3720(data: bytes, published: int) -> None:
    assert tfrecord.crc32c(data) == published


@pytest.mark.parametrize("length", [1, 63, 64, 65, 95, 96, 97, 128, 1000, 1024, 2049])
def test_checksums_equal_the_bitwise_definition_at_every_length(length: int) -> None:
    data = np.random.default_rng(length).bytes(length)
    assert tfrecord.crc32c(data) == slow_crc32c(data)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_tensorflow_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("written") / "some.tfrecord"
    written = tfrecord.write(path, records)
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == records
    assert written == tfrecord.Written(len(records), path.stat().st_size, storage.sha256(path))


def test_a_walk_finds_every_record_of_tensorflow_s_writer(tmp_path: Path) -> None:
    path = tmp_path / "some.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in (b"first", b"", b"third" * 100):
            writer.write(record)
    walked = list(tfrecord.walk(path))
    assert [record.data for record in walked] == [b"first", b"", b"third" * 100]
    assert [record.offset for record in walked] == [0, 21, 37]
    assert not any(record.damage for record in walked)


def test_a_flipped_bit_is_found_in_its_record_and_the_walk_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "some.tfrecord"
    tfrecord.write(path, [b"a" * 100, b"b" * 100, b"c" * 100])
    content = bytearray(path.read_bytes())
    content[116 + 50] ^= 1
    path.write_bytes(content)
    assert [bool(record.damage) for record in tfrecord.walk(path)] == [False, True, False]


@pytest.mark.parametrize(("keep", "found"), [(116 + 5, 2), (116 + 50, 2), (116, 1)])
def test_a_cut_off_file_is_walked_to_its_end(tmp_path: Path, keep: int, found: int) -> None:
    path = tmp_path / "some.tfrecord"
    tfrecord.write(path, [b"a" * 100, b"b" * 100])
    path.write_bytes(path.read_bytes()[:keep])
    walked = list(tfrecord.walk(path))
    assert len(walked) == found
    assert bool(walked[-1].damage) == (found == 2)
