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
from functools import cache
from pathlib import Path

import numpy as np

from audiotag import storage

_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reflected
_MASK_DELTA = 0xA282EAD8
_LANE_WORDS = 16  # 16-bit words of one lane: lanes are computed side by side, then joined in pairs
_SHORT = 64  # bytes below which a plain loop is quicker


@cache
def _table(bits: int) -> np.ndarray:
    """CRC register after `bits` steps, for every value of its lowest `bits` bits: (2 ** bits,), uint32."""
    table = np.arange(1 << bits, dtype=np.uint32)
    for _ in range(bits):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_CASTAGNOLI), table >> 1)
    return table


@cache
def _byte_table() -> list[int]:
    return _table(8).tolist()


@cache
def _advance_tables(level: int) -> tuple[np.ndarray, ...]:
    """Four tables, one a byte of the register, that advance it over the zeros of 2 ** level lanes."""
    basis = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    if level == 0:
        for _ in range(_LANE_WORDS):
            basis = _table(16)[basis & 0xFFFF] ^ (basis >> 16)
    else:
        basis = _advance(_advance(basis, level - 1), level - 1)
    tables = []
    for byte in range(4):
        table = np.zeros(256, np.uint32)
        for bit in range(8):
            table ^= np.where(np.arange(256) >> bit & 1, basis[8 * byte + bit], np.uint32(0))
        tables.append(table)
    return tuple(tables)


def _advance(registers: np.ndarray, level: int) -> np.ndarray:
    first, second, third, fourth = _advance_tables(level)
    return (
        first[registers & 255] ^ second[registers >> 8 & 255] ^ third[registers >> 16 & 255] ^ fourth[registers >> 24]
    )


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, RFC 3720) of some bytes."""
    if len(data) < _SHORT:
        register, table = 0xFFFFFFFF, _byte_table()
        for byte in data:
            register = table[(register ^ byte) & 255] ^ (register >> 8)
        return register ^ 0xFFFFFFFF
    # A register of 0 ignores leading zeros, so the data are filled up in front; the initial register of ones is
    # the same as inverting the first four bytes.
    lane_bytes = 2 * _LANE_WORDS
    levels = max(-(-len(data) // lane_bytes) - 1, 0).bit_length()
    buffer = np.zeros(lane_bytes << levels, np.uint8)
    buffer[len(buffer) - len(data) :] = np.frombuffer(data, np.uint8)
    first = len(buffer) - len(data)
    buffer[first : first + 4] ^= 0xFF
    words = np.ascontiguousarray(buffer.view("<u2").reshape(-1, _LANE_WORDS).T)
    registers = np.zeros(words.shape[1], np.uint32)
    for word in words:
        registers = _table(16)[(registers ^ word) & 0xFFFF] ^ (registers >> 16)
    for level in range(levels):
        registers = _advance(registers[0::2], level) ^ registers[1::2]
    return int(registers[0]) ^ 0xFFFFFFFF


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
    """Write a TFRecord file atomically.

    Args:
        path: file to write.
        records: serialised examples, in order.
    """
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
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
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
