"""Uploaded recordings: received in pieces, known by their content, decoded within limits, gone with the server."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag import audio
from audiotag.serving.limits import Limits, Refusal
from audiotag.serving.work import Stop

if TYPE_CHECKING:
    from fastapi import Request

ID = re.compile("[0-9a-f]{64}")


@dataclass
class Sound:
    """An uploaded recording.

    Args:
        id: SHA-256 of its bytes.
        path: where it lies.
        bytes: its size.
        seconds: its length; 0.0: it was not decoded yet.
        sample_rate: Hz.
        channels: number of channels.
        peak: largest magnitude as it is heard, full scale is 1.
        users: requests that need it now.
    """

    id: str
    path: Path
    bytes: int
    seconds: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    peak: float = 0.0
    users: int = 0

    def played(self, stop: Stop, speed: float = 1.0) -> audio.Recording:
        """It as a recording, whose decoding ends when the work is to."""
        return audio.Recording(self.path, speed=speed, on_read=stop.check)

    def blocks(self, stop: Stop, sample_rate: int, speed: float = 1.0) -> Iterator[np.ndarray]:
        """Its samples at a rate, mono: (n,), float32."""
        return audio.stream(self.played(stop, speed), sample_rate)


class Uploads:
    """The recordings that were sent, in a folder.

    Args:
        folder: an empty one.
        limits: of an upload and of all of them.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._sounds: OrderedDict[str, Sound] = OrderedDict()

    @asynccontextmanager
    async def held(self, request: Request, sound_id: str | None = None) -> AsyncIterator[Sound]:
        """The recording that a request sends, or one that an earlier request has sent, as long as it is needed.

        Args:
            request: its body is the recording's bytes, or empty where there is an id.
            sound_id: of the earlier one.

        Raises:
            Refusal: both or neither, too large, too slow, or an id that is not known.
        """
        received = await self._received(request)
        if received is not None and sound_id is not None:
            raise Refusal(400, "the body is a recording, or sound names one that was sent: received both")
        if received is None and sound_id is None:
            raise Refusal(400, "the body must be a sound file, received nothing: send its bytes")
        async with self.using(sound_id if received is None else received.id) as sound:
            yield sound

    @asynccontextmanager
    async def using(self, sound_id: str) -> AsyncIterator[Sound]:
        """A recording that was sent, which stays as long as it is needed.

        Raises:
            Refusal: the id is not known.
        """
        if (sound := self._sounds.get(sound_id)) is None:
            raise Refusal(404, f"no recording is known by {sound_id[:100]!r}: send it again")
        self._sounds.move_to_end(sound_id)
        sound.users += 1
        try:
            yield sound
        finally:
            sound.users -= 1
            self._make_room()

    async def _received(self, request: Request) -> Sound | None:
        digest, path = hashlib.sha256(), self._folder / f".{secrets.token_hex(8)}"
        try:
            with path.open("wb") as file:

                def take(piece: bytes) -> None:
                    digest.update(piece)
                    file.write(piece)

                size = await receive(request, self._limits.megabytes, self._limits, take)
            if not size:
                return None
            sound = Sound(digest.hexdigest(), self._folder / digest.hexdigest(), size)
            if sound.id not in self._sounds:
                path.rename(sound.path)
            return self._sounds.setdefault(sound.id, sound)
        finally:
            path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        """The oldest leave that nobody needs now."""
        total = sum(sound.bytes for sound in self._sounds.values())
        for sound in [sound for sound in self._sounds.values() if not sound.users]:
            if total <= self._limits.kept * 1e6:
                return
            total -= sound.bytes
            del self._sounds[sound.id]
            sound.path.unlink(missing_ok=True)


async def receive(request: Request, megabytes: float, limits: Limits, take: Callable[[bytes], object]) -> int:
    """Take the body of a request, piece by piece, so that none is ever held whole; gives its size.

    Args:
        request: its stated length is not believed, but where it is too large already.
        megabytes: the most that is taken.
        limits: how long it may take.
        take: called with every piece.

    Raises:
        Refusal: it is too large or too slow; the rest is not read.
    """
    size, stated = 0, request.headers.get("content-length", "")
    too_large = Refusal(413, f"an upload has at most {megabytes:g} MB: send a part of it, or compress it")
    if stated.isdecimal() and int(stated) > 1e6 * megabytes:
        raise too_large
    try:
        async with asyncio.timeout(limits.receiving):
            async for piece in request.stream():
                size += len(piece)
                if size > 1e6 * megabytes:
                    raise too_large
                take(piece)
    except TimeoutError as error:
        raise Refusal(408, f"the upload took longer than {limits.receiving:g} s: send less") from error
    return size


def measure(sound: Sound, limits: Limits, stop: Stop) -> None:
    """Decode a recording once, block after block, so that its length is known and bounded.

    Args:
        sound: its length, rate, channels and peak are filled in.
        limits: the longest that is taken.
        stop: of the request.

    Raises:
        AudioError: it cannot be read, or holds NaN.
        Refusal: it is too long, as its header says or as it turns out on the way.
    """
    if sound.seconds:
        return
    about, longest, length = audio.info(sound.path), 60 * limits.minutes, 0.0

    def count(seconds: float) -> None:
        nonlocal length
        stop.check()
        length += seconds
        if length > longest:
            raise _too_long(limits)

    if about.seconds is not None and about.seconds > longest:
        raise _too_long(limits)
    # The mean of the channels needs no look at all of them beforehand, as choosing one of them does.
    recording = audio.Recording(sound.path, "mean", on_read=count)
    for _ in audio.stream(recording, about.sample_rate):
        pass
    sound.peak = max(float(np.abs(block).max(initial=0)) for block in sound.blocks(stop, about.sample_rate))
    sound.sample_rate, sound.channels, sound.seconds = about.sample_rate, about.channels, length


def _too_long(limits: Limits) -> Refusal:
    return Refusal(413, f"a recording has at most {limits.minutes:g} minutes: send a part of it")
