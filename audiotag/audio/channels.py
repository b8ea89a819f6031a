"""One channel of several: their mean, one of them, or the loudest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from audiotag.audio.decoders import Decoder, opened
from audiotag.errors import AudioError, AudiotagError, AudioWarning

_PROBED_SECONDS = 30
_SILENCE = 1e-12  # power: digital silence, which says nothing about channels
_CANCELLED = 0.1  # of the power that the mean of unrelated channels has

Mix = Callable[[np.ndarray], np.ndarray]


def check(channel: str | None) -> None:
    """Refuse what names no channel."""
    if channel is None or channel in ("mean", "left", "right", "loudest") or (channel.isdecimal() and int(channel) > 0):
        return
    raise AudiotagError(f"channel must be mean, left, right, loudest or a number from 1, received {channel!r}")


def mix(path: Path, decoder: Decoder, channel: str | None) -> Mix:
    """The function from samples (n, channels) to one channel (n,), for a file.

    Args:
        path: the file.
        decoder: of it, open.
        channel: as of `Recording`.

    Raises:
        AudioError: the file has no such channel.
    """
    check(channel)
    if channel is not None and channel.isdecimal() and int(channel) > decoder.channels:
        raise AudioError(f"{path.name} has {decoder.channels} channels, received channel {channel}: choose another")
    if decoder.channels == 1:
        return lambda block: block[:, 0]
    if channel == "mean":
        return _mean
    if channel in ("left", "right"):
        return _only(("left", "right").index(channel))
    if channel is not None and channel.isdecimal():
        return _only(int(channel) - 1)
    status = path.stat()
    of_mean, of_channels = _powers(str(path), status.st_size, status.st_mtime_ns)
    loudest = int(np.argmax(of_channels))
    if channel == "loudest":
        return _only(loudest)
    if of_mean < _CANCELLED * np.mean(of_channels) / decoder.channels:
        warnings.warn(
            f"{path.name}: the mean of its {decoder.channels} channels cancels what they have, channel {loudest + 1} "
            "is taken, the louder one (--channel chooses another)",
            AudioWarning,
            stacklevel=2,
        )
        return _only(loudest)
    return _mean


def _mean(block: np.ndarray) -> np.ndarray:
    return block.mean(axis=1)


def _only(index: int) -> Mix:
    return lambda block: block[:, index]


@lru_cache(4096)
def _powers(path: str, size: int, changed: int) -> tuple[float, tuple[float, ...]]:
    """Mean power of the mean and of each channel in the first 30 s that are not silent; arguments as of `links_of`."""
    # What is not finite is refused where it is read.
    with opened(Path(path)) as decoder, np.errstate(invalid="ignore", over="ignore"):
        count, of_mean, of_channels = 0, 0.0, np.zeros(decoder.channels)
        for block in decoder.blocks():
            block = block.astype(np.float64)
            if not (power := np.square(block).sum(axis=0)).max() > _SILENCE * len(block):
                continue
            count, of_mean = count + len(block), of_mean + np.square(block.mean(axis=1)).sum()
            of_channels += power
            if count >= _PROBED_SECONDS * decoder.sample_rate:
                break
    return of_mean / max(count, 1), tuple(of_channels / max(count, 1))
