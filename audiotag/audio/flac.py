"""FLAC: the number of samples by its last frame, whatever its header says (RFC 9639)."""

from __future__ import annotations

import mmap

from audiotag.audio.layout import WHOLE, Link
from audiotag.errors import AudioError

_STREAM_INFO = 34  # bytes
_TAILS = (1 << 16, 1 << 20, 1 << 24)  # bytes from the end in which the last frame is looked for
_BLOCK_SIZES = {
    1: 192,
    **{code: 576 << (code - 2) for code in range(2, 6)},
    **{c: 256 << (c - 8) for c in range(8, 16)},
}


def links(content: mmap.mmap, name: str, begin: int) -> tuple[Link, ...]:
    """The recordings of a file, of which one may follow another, their lengths corrected where they are too small.

    Args:
        content: of the file.
        name: for messages.
        begin: where "fLaC" stands.

    Raises:
        AudioError: the header promises more samples than the last frame ends with.
    """
    begins = []
    while begin >= 0:
        begins.append(begin)
        begin = _next(content, begin + 4)
    ends = [*begins[1:], len(content)]
    found = [_link(content, name, *bounds) for bounds in zip(begins, ends, strict=True)]
    if len(found) == 1 and not found[0].patches:
        return WHOLE
    return tuple(found)


def _next(content: mmap.mmap, begin: int) -> int:
    """Where the next recording begins; -1: nowhere."""
    while (begin := content.find(b"fLaC", begin)) >= 0:
        if content[begin + 4 : begin + 8] in (b"\0\0\0\x22", b"\x80\0\0\x22"):
            return begin
        begin += 4
    return -1


def _link(content: mmap.mmap, name: str, begin: int, end: int) -> Link:
    info = begin + 8
    # 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
    packed = int.from_bytes(content[info + 10 : info + 18].ljust(8, b"\0"))
    claimed, samples = packed & ((1 << 36) - 1), _samples(content, begin, end)
    whole = begin == 0 and end == len(content)
    if samples is not None and samples < claimed:
        raise AudioError(
            f"{name} is truncated: its header promises {claimed} samples, its last frame ends with {samples}; copy it "
            "again, or convert it if this is all there is"
        )
    if samples is None or samples == claimed or samples >= 1 << 36:
        return Link(begin, None if whole else end)
    corrected = (packed >> 36 << 36 | samples).to_bytes(8)
    return Link(begin, None if whole else end, patches=((info + 10, corrected),))


def _samples(content: mmap.mmap, begin: int, end: int) -> int | None:
    """Samples of a channel up to the end of the last frame; None where no frame is there."""
    block = int.from_bytes(content[begin + 8 : begin + 10].ljust(2, b"\0"))
    first = _first_frame(content, begin, end)
    alike = content[first : first + 4]
    if len(alike) < 4 or alike[0] != 0xFF or alike[1] & 0xFE != 0xF8:
        return None
    for tail in _TAILS:
        at = end
        while (at := content.rfind(alike[:2], max(first, end - tail), at)) >= 0:
            head = content[at : min(at + 16, end)]
            same_kind = len(head) > 5 and head[2] & 15 == alike[2] & 15 and head[3] == alike[3]
            if same_kind and (samples := _end_of_frame(head, block)) is not None:
                return samples
            at += 1  # the two bytes may overlap
    return None


def _first_frame(content: mmap.mmap, begin: int, end: int) -> int:
    at, last = begin + 4, False
    while not last and at + 4 <= end:
        last = bool(content[at] & 0x80)
        at += 4 + int.from_bytes(content[at + 1 : at + 4])
    return at


def _end_of_frame(head: bytes, block: int) -> int | None:
    """Number of the sample after a frame, by its header; None where these bytes are none."""
    code, lead = head[2] >> 4, head[4]
    ones = 8 - (lead ^ 0xFF).bit_length()  # as in UTF-8: how many bytes the number takes
    extra = max(ones - 1, 0)
    if ones in (1, 8) or len(head) < 6 + extra:
        return None
    number = lead & ((1 << (7 - ones)) - 1)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    at = 5 + extra
    sizes = {6: 1, 7: 2}.get(code, 0)
    size = int.from_bytes(head[at : at + sizes]) + 1 if sizes else _BLOCK_SIZES.get(code)
    at += sizes + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if size is None or at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    return number + size if head[1] & 1 else number * block + size


def _crc8(content: bytes) -> int:
    """The sum that ends a frame's header: polynomial x^8 + x^2 + x + 1."""
    total = 0
    for byte in content:
        total ^= byte
        for _ in range(8):
            total = (total << 1 ^ (0x07 if total & 0x80 else 0)) & 0xFF
    return total
