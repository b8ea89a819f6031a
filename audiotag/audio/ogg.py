"""Ogg: streams that follow each other in one file, and whether the last page is whole (RFC 3533)."""

from __future__ import annotations

import mmap

from audiotag.audio.layout import WHOLE, Link
from audiotag.errors import AudioError

_BEGINS = 2


def links(content: mmap.mmap, name: str) -> tuple[Link, ...]:
    """The streams of a file, one after the other. A stream that says nowhere that it ends is whole all the same.

    Raises:
        AudioError: the last page is cut off.
    """
    begins: list[int] = []
    at, size, heads = 0, len(content), False
    while (at := content.find(b"OggS", at)) >= 0:
        segments = content[at + 26] if at + 27 <= size else 0
        body = at + 27 + segments
        end = body + sum(content[at + 27 : body])
        if at + 27 > size or end > size:
            raise AudioError(f"{name} is truncated: the end of its Ogg stream is missing; copy it again")
        is_head = bool(content[at + 5] & _BEGINS)
        if is_head and not heads:
            begins.append(at)
        heads, at = is_head, end
    if len(begins) < 2:
        return WHOLE
    return tuple(Link(begin, end) for begin, end in zip(begins, [*begins[1:], size], strict=True))
