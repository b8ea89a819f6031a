"""The TFRecord file format without TensorFlow: framing, CRC-32C, atomic writing, and a walk that survives damage.

A record is its length (uint64), the masked CRC of the length (uint32), the data, and the masked CRC of the data
(uint32), all little-endian: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details.
Worker processes write with this module, so that they start in a second and take a third of TensorFlow's memory.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from google_crc32c import value as crc32c

from audiotag import storage

_MASK_DELTA = 0xA282EAD8


def _masked_crc(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def frame(data: bytes) -> bytes:
    """One record as it lies in a file: length, checksum, data, checksum."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


@dataclass(frozen=True)
class Written:
    """A file just written: how many records and bytes, and the SHA-256 of the bytes."""

    examples: int
    bytes: int
    sha256: str


def write(path: Path, records: Iterable[bytes]) -> Written:
    """Write a TFRecord file of serialised examples, atomically."""
    digest, examples, size = hashlib.sha256(), 0, 0
    with storage.write_atomically(path, "wb") as file:
        for record in records:
            framed = frame(record)
            file.write(framed)
            digest.update(framed)
            examples += 1
            size += len(framed)
    return Written(examples, size, digest.hexdigest())


@dataclass(frozen=True)
class Record:
    """One record found in a file.

    Args:
        offset: byte at which the record begins.
        data: its bytes, also where they are damaged.
        damage: what is wrong with it; "" if nothing is.
    """

    offset: int
    data: bytes
    damage: str


def walk(path: Path, *, check: bool = True) -> Iterator[Record]:
    """Every record of a file; after damage that hides where the next one begins, the walk ends.

    Args:
        path: a TFRecord file.
        check: compare checksums of the data (those of the lengths always are).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        while (offset := file.tell()) < size:
            header = file.read(12)
            if len(header) < 12:
                yield Record(offset, b"", "the file ends inside a record's length")
                return
            if _masked_crc(header[:8]) != header[8:]:
                yield Record(offset, b"", "the record's length is damaged: what follows cannot be told apart")
                return
            (length,) = struct.unpack("<Q", header[:8])
            if offset + 16 + length > size:
                yield Record(offset, file.read(), "the file ends inside the record")
                return
            data, expected = file.read(length), file.read(4)
            damaged = check and _masked_crc(data) != expected
            yield Record(offset, data, "the record's bytes do not have their checksum" if damaged else "")
