"""WAV and AIFF: the bytes of sound that are there, whatever the header says."""

from __future__ import annotations

import struct
from typing import BinaryIO

from audiotag.audio.formats import check_header
from audiotag.audio.layout import WHOLE, Link
from audiotag.errors import AudioError

_UNKNOWN = 0xFFFFFFFF
_OPEN_ENDS = ((1 << 31) - 4096, (1 << 31) + 4096), ((1 << 32) - 4096, 1 << 32)
_LARGEST_TAG = 4096  # bytes after the sound that are no chunk: a tag that a player has put there


def links(file: BinaryIO, name: str, size: int, magic: bytes) -> tuple[Link, ...]:
    """Walk the chunks up to the sound, and correct the length that its header states.

    Writers that cannot know the length when they begin leave 0 or a number near 2^31 or 2^32; some count the header
    too. Then the sound goes on to the end of the file.

    Args:
        file: open, at any position.
        name: for messages.
        size: bytes of the file.
        magic: its first 12 bytes.

    Raises:
        AudioError: bytes of sound are missing, an absurd header, or no chunk of sound.
    """
    is_wav = magic[8:] == b"WAVE"
    order, sound = ("<", b"data") if is_wav and magic[:4] != b"RIFX" else (">", b"data" if is_wav else b"SSND")
    file.seek(12)
    block, long_size = 1, None
    while len(header := file.read(8)) == 8:
        kind, length = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        begin = file.tell()
        if kind == b"ds64":
            long_size = (begin + 8, struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0])
        elif kind == b"fmt " and len(described := file.read(14)) == 14:
            channels, rate, _, block = struct.unpack(f"{order}HIIH", described[2:])
            check_header(name, rate, channels)
        elif kind == sound:
            return _links_of_sound(file, name, size, begin, length, max(block, 1), long_size, order)
        file.seek(begin + length + length % 2)
    return WHOLE


def _links_of_sound(
    file: BinaryIO,
    name: str,
    size: int,
    begin: int,
    length: int,
    block: int,
    long_size: tuple[int, int] | None,
    order: str,
) -> tuple[Link, ...]:
    is_long = long_size is not None and length == _UNKNOWN
    promised, present = long_size[1] if is_long else length, size - begin
    if promised // block > present // block:
        counts_header = promised - present <= 44 or promised in (size, size - 8)
        if not (counts_header or _is_open(promised)):
            raise AudioError(
                f"{name} is truncated: its header promises {promised} bytes of sound, {present} are there; "
                "copy it again"
            )
    else:
        is_tag = promised > 0 and present - promised <= _LARGEST_TAG
        if promised == present or is_tag or _is_chunks(file, begin + promised + promised % 2, size):
            return WHOLE
    if is_long:
        patches = [(long_size[0], struct.pack("<Q", present))]
    else:
        patches = [(begin - 4, struct.pack(f"{order}I", min(present, _UNKNOWN)))]
    return (Link(patches=tuple(patches)),)


def _is_open(promised: int) -> bool:
    """Whether a length is one that a writer leaves who does not know it yet."""
    return promised > 1 << 62 or any(low <= promised <= high for low, high in _OPEN_ENDS)


def _is_chunks(file: BinaryIO, begin: int, size: int) -> bool:
    """Whether what follows the sound are chunks, up to the end of the file."""
    while begin + 8 <= size:
        file.seek(begin)
        header = file.read(8)
        lengths = {int.from_bytes(header[4:], order) for order in ("little", "big")}
        fitting = [length for length in lengths if begin + 8 + length <= size]
        if not (all(32 <= byte < 127 for byte in header[:4]) and fitting):
            return False
        begin += 8 + min(fitting) + min(fitting) % 2
    return begin >= size - 1 or not _rest(file, begin).strip(b"\0")


def _rest(file: BinaryIO, begin: int) -> bytes:
    file.seek(begin)
    return file.read()
