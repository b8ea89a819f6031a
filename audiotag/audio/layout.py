"""What of a file a decoder is shown: parts of it, with numbers of its header corrected."""

from __future__ import annotations

import io
import mmap
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A part of a file that is a recording by itself.

    Args:
        begin: offset of its first byte.
        end: offset after its last byte; None: the end of the file.
        prefix: bytes that the decoder is shown before it.
        patches: (offset in the file, bytes) that the decoder is shown in place of what is there.
        suffix: number of zero bytes that the decoder is shown after it, where that is the end of the file.
        samples: of one channel, where the decoder cannot be shown how many there are. None: the decoder says it.
        head: offset after the bytes without which nothing of it is decoded, where it has `entries`.
        entries: where decoding can begin on the way: (samples from about there to the end, offset in the file).
    """

    begin: int = 0
    end: int | None = None
    prefix: bytes = b""
    patches: tuple[tuple[int, bytes], ...] = ()
    suffix: int = 0
    samples: int | None = None
    head: int = field(default=0, compare=False)
    entries: tuple[tuple[int, int], ...] = field(default=(), compare=False)


WHOLE = (Link(),)
"""A file that a decoder reads rightly as it is."""


_WALKED = 64 << 20  # bytes of a mapped file that may be in memory at once


def forget(content: mmap.mmap, before: int, now: int) -> None:
    """Give back the memory of a mapped file on the way through it, so that a long file takes no more than a short one.

    Args:
        content: of the file.
        before: an offset on the way.
        now: the next one.
    """
    if before // _WALKED != now // _WALKED and hasattr(content, "madvise"):  # which Windows lacks
        content.madvise(mmap.MADV_DONTNEED)


class View(io.RawIOBase):
    """A link as a file to read.

    Args:
        path: the file.
        link: the part of it.
    """

    def __init__(self, path: Path, link: Link) -> None:
        self._file = path.open("rb")
        self._link = link
        end = os.fstat(self._file.fileno()).st_size if link.end is None else link.end
        self._length = len(link.prefix) + max(end - link.begin, 0) + link.suffix
        self._at = 0

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def seekable(self) -> bool:
        """Whether there is a `seek`: there is."""
        return True

    def tell(self) -> int:
        """The position, from the beginning of the prefix."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as files do."""
        origin = (0, self._at, self._length)[whence]
        self._at = max(origin + offset, 0)
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as the link goes."""
        count = max(min(len(buffer), self._length - self._at), 0)
        prefix = self._link.prefix[self._at : self._at + count]
        place = self._link.begin + max(self._at - len(self._link.prefix), 0)
        self._file.seek(place)
        content = bytearray(prefix + self._file.read(count - len(prefix)))
        if self._link.suffix:
            content = content.ljust(count, b"\0")
        shift = len(prefix) - place  # from an offset in the file to an index of the content
        for offset, patch in self._link.patches:
            for index, value in enumerate(patch):
                at = offset + index + shift
                if len(prefix) <= at < len(content):
                    content[at] = value
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
