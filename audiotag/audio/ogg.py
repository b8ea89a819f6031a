"""Ogg: streams that follow each other in one file, whether the last page is whole, and where decoding can begin.

Pages: RFC 3533. Vorbis in them: the Vorbis I specification, section A.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from audiotag.audio.layout import WHOLE, Link, forget
from audiotag.errors import AudioError

LONGEST_BLOCK = 8192  # samples: of Vorbis
_CONTINUED, _BEGINS = 1, 2
_APART = 1 << 18  # samples from one entry to the next: some seconds, decoded in milliseconds
_HEADERS = 3  # packets of Vorbis before the sound, which begins on a page of its own


class _Page(NamedTuple):
    """Offsets of a page, its flags, the sample that it ends with (-1: no packet ends in it), packets that end in it."""

    begin: int
    end: int
    flags: int
    granule: int
    serial: bytes
    packets: int
    is_vorbis: bool


@dataclass
class _Stream:
    """What of the pages of a stream matters, taken one after the other.

    Args:
        begin: offset of the first page.
        is_vorbis: by the first page.
        serials: of the streams that lie side by side in it.
        packets: that have ended in the headers.
        head: offset after them.
        granule: the sample that the pages so far end with.
        last: offset of the last page.
        entries: pages at which decoding can begin: (sample that the page before ends with, offset).
    """

    begin: int
    is_vorbis: bool
    serials: set[bytes] = field(default_factory=set)
    packets: int = 0
    head: int = 0
    granule: int = -1
    last: int = 0
    entries: list[tuple[int, int]] = field(default_factory=list)

    def take(self, page: _Page) -> None:
        self.serials.add(page.serial)
        self.last = page.begin
        if self.packets < _HEADERS:
            self.packets, self.head = self.packets + page.packets, page.end
            return
        before = self.entries[-1][0] if self.entries else 0
        if self.granule - before >= _APART and not page.flags & _CONTINUED:
            self.entries.append((self.granule, page.begin))
        if page.granule >= 0:
            self.granule = page.granule

    def with_entries(self, link: Link) -> Link:
        """The link of a stream of Vorbis with its entries; of any other as it is.

        What comes out of Vorbis depends on the block before alone. Opus never quite forgets what it has decoded.
        """
        if not self.is_vorbis or len(self.serials) > 1 or self.packets != _HEADERS:
            return link
        # In the last page libsndfile counts the samples that its end cuts off.
        entries = ((self.granule - before, begin) for before, begin in self.entries if begin != self.last)
        return replace(link, head=self.head, entries=tuple(entries))


def links(content: mmap.mmap, name: str) -> tuple[Link, ...]:
    """The streams of a file, one after the other. A stream that says nowhere that it ends is whole all the same.

    Raises:
        AudioError: the last page is cut off.
    """
    streams: list[_Stream] = []
    heads = False
    for page in _pages(content, name):
        is_head = bool(page.flags & _BEGINS)
        if not streams or (is_head and not heads):
            streams.append(_Stream(page.begin, page.is_vorbis))
        streams[-1].take(page)
        heads = is_head
    if len(streams) < 2:
        return (streams[0].with_entries(Link()),) if streams else WHOLE
    ends = [*(stream.begin for stream in streams[1:]), len(content)]
    return tuple(stream.with_entries(Link(stream.begin, end)) for stream, end in zip(streams, ends, strict=True))


def _pages(content: mmap.mmap, name: str) -> Iterator[_Page]:
    at, size = 0, len(content)
    while (at := content.find(b"OggS", at)) >= 0:
        segments = content[at + 26] if at + 27 <= size else 0
        body = at + 27 + segments
        lacing = content[at + 27 : body]
        end = body + sum(lacing)
        if at + 27 > size or end > size:
            raise AudioError(f"{name} is truncated: the end of its Ogg stream is missing; copy it again")
        granule = int.from_bytes(content[at + 6 : at + 14], "little", signed=True)
        packets = segments - lacing.count(255)
        flags, serial = content[at + 5], content[at + 14 : at + 18]
        is_vorbis = bool(flags & _BEGINS) and content[body : body + 7] == b"\x01vorbis"
        yield _Page(at, end, flags, granule, serial, packets, is_vorbis)
        forget(content, at, end)
        at = end
