"""WAV, AIFF, AU, CAF and W64: the bytes of sound that are there, whatever the header says."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from audiotag.audio.formats import check_header
from audiotag.audio.layout import WHOLE, Link
from audiotag.errors import AudioError

_OPEN_ENDS = ((1 << 31) - 4096, (1 << 31) + 4096), ((1 << 32) - 4096, 1 << 32)
_LARGEST_TAG = 4096  # bytes after the sound that are no chunk: a tag that a player has put there
_W64_SOUND = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


class _Sound(NamedTuple):
    """Where the sound of a file lies.

    Args:
        begin: offset of its first byte.
        promised: bytes that the header states.
        place: where it states them.
        layout: of that number, as of `struct`.
        added: what the number counts beside the sound, bytes.
        block: bytes that belong together.
        chunks: whether chunks of RIFF may follow.
    """

    begin: int
    promised: int
    place: int
    layout: str
    added: int = 0
    block: int = 1
    chunks: bool = False


def is_plain(magic: bytes) -> bool:
    """Whether a file that begins so holds chunks, or samples behind a header."""
    return magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b"riff", b".snd")


def links(file: BinaryIO, name: str, size: int, magic: bytes) -> tuple[Link, ...]:
    """Find the sound, and correct the length that the header states.

    Writers that cannot know the length when they begin leave 0 or a number near 2^31 or 2^32; some count the header
    too. Then the sound goes on to the end of the file.

    Args:
        file: open, at any position.
        name: for messages.
        size: bytes of the file.
        magic: its first 12 bytes.

    Raises:
        AudioError: bytes of sound are missing, or an absurd header.
    """
    find = {b".snd": _in_au, b"caff": _in_caf, b"riff": _in_w64}.get(magic[:4], _in_riff)
    sound = find(file, name, magic)
    if sound is None:
        return WHOLE
    promised, present = sound.promised, size - sound.begin
    if promised // sound.block > present // sound.block:
        counts_header = promised - present <= 44 or promised in (size, size - 8)
        if not (counts_header or _is_open(promised)):
            raise AudioError(
                f"{name} is truncated: its header promises {promised} bytes of sound, {present} are there; "
                "copy it again"
            )
    else:
        after = sound.begin + promised + promised % 2
        is_tag = promised > 0 and present - promised <= _LARGEST_TAG
        if promised == present or is_tag or (sound.chunks and _is_chunks(file, after, size)):
            return WHOLE
    largest = (1 << 8 * struct.calcsize(sound.layout)) - 1
    stated = struct.pack(sound.layout, min(present + sound.added, largest))
    return (Link(patches=((sound.place, stated),)),)


def _in_riff(file: BinaryIO, name: str, magic: bytes) -> _Sound | None:
    """WAV, RF64 and AIFF."""
    is_aiff = magic[8:] in (b"AIFF", b"AIFC")
    if not is_aiff and magic[8:] != b"WAVE":
        return None
    layout = "<I" if magic[:4] in (b"RIFF", b"RF64") else ">I"
    block, long_size = 1, None
    file.seek(12)
    while len(header := file.read(8)) == 8:
        kind, length = header[:4], struct.unpack(layout, header[4:])[0]
        begin = file.tell()
        if kind == b"ds64":
            long_size = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
            long_place = begin + 8
        elif kind == b"fmt " and len(described := file.read(14)) == 14:
            channels, rate, _, block = struct.unpack(f"{layout[0]}HIIH", described[2:])
            check_header(name, rate, channels)
            block = max(block, 1)
        elif kind == (b"SSND" if is_aiff else b"data"):
            if long_size is not None and length == 0xFFFFFFFF:
                return _Sound(begin, long_size, long_place, "<Q", block=block, chunks=True)
            return _Sound(begin, length, begin - 4, layout, block=block, chunks=True)
        file.seek(begin + length + length % 2)
    return None


def _in_au(file: BinaryIO, name: str, magic: bytes) -> _Sound:
    begin, promised = struct.unpack(">II", magic[4:12])
    return _Sound(begin, promised, 8, ">I")


def _in_caf(file: BinaryIO, name: str, magic: bytes) -> _Sound | None:
    file.seek(8)
    while len(header := file.read(12)) == 12:
        kind, length = header[:4], struct.unpack(">q", header[4:])[0]
        begin = file.tell()
        if kind == b"data":  # a length of -1 is the format's own way to say that it is unknown
            return (
                None if length == -1 else _Sound(begin + 4, max(length - 4, 0), begin - 8, ">Q", added=4, chunks=True)
            )
        if length < 0:
            return None
        file.seek(begin + length)
    return None


def _in_w64(file: BinaryIO, name: str, magic: bytes) -> _Sound | None:
    file.seek(40)
    while len(header := file.read(24)) == 24:
        kind, length = header[:16], struct.unpack("<Q", header[16:])[0]
        begin = file.tell()
        if kind == _W64_SOUND:
            return _Sound(begin, max(length - 24, 0), begin - 8, "<Q", added=24, chunks=True)
        if length < 24 or length > 1 << 40:
            return None
        file.seek(begin + (length - 24 + 7) // 8 * 8)
    return None


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
    file.seek(begin)
    return not file.read().strip(b"\0")
