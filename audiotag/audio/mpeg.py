"""MPEG audio (MP3, MP2, MP1): the number of frames by walking them, whatever the first one says.

Sizes of frames: ISO 11172-3 and, at half the rates, 13818-3.
"""

from __future__ import annotations

import mmap
from typing import NamedTuple

from audiotag.audio.layout import WHOLE, Link, forget
from audiotag.errors import AudioError

_V1, _V2, _V25 = 3, 2, 0
_LAYER_3, _LAYER_2, _LAYER_1 = 1, 2, 3
_KBPS = {
    (True, _LAYER_1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, _LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, _LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, _LAYER_1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, _LAYER_2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, _LAYER_3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {_V1: (44100, 48000, 32000), _V2: (22050, 24000, 16000), _V25: (11025, 12000, 8000)}
_SAMPLES = {_LAYER_1: 384, _LAYER_2: 1152}  # of one channel in a frame
_SEARCHED = 1 << 20  # bytes in which the first frame must lie


class _Frame(NamedTuple):
    """A frame's bytes, and what all frames of a file have in common."""

    length: int
    kind: tuple[int, int, int]
    mono: bool


def skip_tags(content: mmap.mmap, at: int = 0) -> int:
    """Offset after the ID3v2 tags that begin at an offset."""
    while content[at : at + 3] == b"ID3" and at + 10 <= len(content):
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if content[at + 5] & 0x10 else 0)
    return at


def begins(content: mmap.mmap, at: int) -> bool:
    """Whether a frame begins at an offset."""
    return _frame(content, at) is not None


def links(content: mmap.mmap, name: str) -> tuple[Link, ...]:
    """Count the frames of a file, and correct or add the count that decoders go by (the Xing or Info frame).

    Layers I and II have no such frame: decoders estimate their length by the size of the file, and read no further.

    Raises:
        AudioError: frames are missing of those that the first one promises.
    """
    first = _first(content)
    if first is None:
        return WHOLE
    frame = _frame(content, first)
    count, cut = _walk(content, first, frame.kind)
    if samples := _SAMPLES.get(frame.kind[1]):
        # By the size of the first frame, which may be the largest one, the estimate must reach the end.
        return (Link(first, suffix=count * frame.length, samples=count * samples),)
    place = _count_place(content, first, frame)
    if place is None:
        return (Link(first, None, _info_frame(content, first, frame, count)),)
    promised, count = int.from_bytes(content[place : place + 4]), count - 1
    if count < promised - 1 or (count < promised and cut):
        raise AudioError(
            f"{name} is truncated: its first frame promises {promised} frames, {count} are there; copy it again"
        )
    return WHOLE if count <= promised else (Link(patches=((place, count.to_bytes(4)),)),)


def _frame(content: mmap.mmap, at: int) -> _Frame | None:
    head = content[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 0 or bitrate in (0, 15) or rate == 3:
        return None
    bits = 1000 * _KBPS[version == _V1, layer][bitrate - 1]
    hertz = _RATES[version][rate]
    if layer == _LAYER_1:
        length = (12 * bits // hertz + padding) * 4
    else:
        length = (144 if version == _V1 or layer == _LAYER_2 else 72) * bits // hertz + padding
    return _Frame(length, (version, layer, rate), head[3] >> 6 == 3)


def _first(content: mmap.mmap) -> int | None:
    """Where the first frame is that another like it follows."""
    at = skip_tags(content)
    limit = at + _SEARCHED
    while 0 <= at < limit:
        frame = _frame(content, at)
        if frame is not None:
            following = _frame(content, at + frame.length)
            if following is not None and following.kind == frame.kind:
                return at
        at = content.find(b"\xff", at + 1)
    return None


def _walk(content: mmap.mmap, at: int, kind: tuple[int, int, int]) -> tuple[int, bool]:
    """Whole frames from an offset on, and whether a part of one follows the last."""
    count, size = 0, len(content)
    while 0 <= at < size:
        frame = _frame(content, at)
        if frame is not None and frame.kind == kind:
            if at + frame.length > size:
                return count, True
            forget(content, at, at + frame.length)
            count, at = count + 1, at + frame.length
        elif (after := skip_tags(content, at)) > at:
            at = after
        else:
            at = _resume(content, at + 1, kind)
    return count, False


def _resume(content: mmap.mmap, at: int, kind: tuple[int, int, int]) -> int:
    """Where frames go on after bytes that are none; -1: nowhere."""
    while (at := content.find(b"\xff", at)) >= 0:
        frame = _frame(content, at)
        if frame is not None and frame.kind == kind:
            following = _frame(content, at + frame.length)
            if following is not None and following.kind == kind:
                return at
        at += 1
    return -1


def _side_information(frame: _Frame) -> int:
    if frame.kind[0] == _V1:
        return 17 if frame.mono else 32
    return 9 if frame.mono else 17


def _count_place(content: mmap.mmap, first: int, frame: _Frame) -> int | None:
    """Where the first frame states how many follow; None where it does not."""
    tag = first + 4 + _side_information(frame)
    stated = content[tag : tag + 4] in (b"Xing", b"Info") and content[tag + 7] & 1
    return tag + 8 if stated else None


def _info_frame(content: mmap.mmap, first: int, frame: _Frame, count: int) -> bytes:
    """A frame of no sound that states how many follow."""
    head = bytearray(content[first : first + 4])
    head[1] |= 1  # no checksum
    head[2] = 9 << 4 | head[2] & 0x0C  # 128 kbit/s (version 1) or 80: long enough for the tag
    length = _frame(bytes(head) + bytes(4), 0).length
    tag = b"Info" + (1).to_bytes(4) + count.to_bytes(4)
    return (bytes(head) + bytes(_side_information(frame)) + tag).ljust(length, b"\0")
