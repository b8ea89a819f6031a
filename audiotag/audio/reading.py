"""Reading: a recording, or a part of it, as mono at one rate; whole, or block after block."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from audiotag import storage
from audiotag.audio import channels
from audiotag.audio.decoders import Decoder, opened, reasons
from audiotag.audio.waveforms import check_level, check_sample_rate
from audiotag.errors import AudioError, AudiotagError, AudioWarning

_CONTEXT = 1024  # samples, at the lower of two rates, that soxr's HQ filter is given on both sides of a part
_LARGEST_BLOCK = 1 << 20  # samples that `stream` gives at once
_LOW_RATE = 0.75  # of the rate that is wanted: below, a good part of the spectrum is empty


@dataclass(frozen=True)
class Recording:
    """A sound file, and how it is read.

    Args:
        path: WAV, FLAC, OGG, MP3 or whatever else libsndfile reads; with PyAV, M4A, WebM, WavPack and the like.
        channel: "mean", "left", "right", "loudest" (by the first 30 s that are not silent) or a number from 1. None:
            the mean, but where it cancels what the channels have, the loudest. A file of one channel has left and
            right too.
        speed: how fast it is played: 0.1 makes bats audible (time expansion by 10), 8 whales. Times are always the
            recording's own.
        on_read: called with the seconds that `stream` has just read.
    """

    path: Path
    channel: str | None = None
    speed: float = 1.0
    on_read: Callable[[float], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", storage.place(self.path))
        channels.check(self.channel)
        if not 1e-3 <= self.speed <= 1e3:
            raise AudiotagError(
                f"speed must lie between 0.001 and 1000, received {self.speed}: 0.1 is ten times slower"
            )


Source = str | Path | Recording


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file says of itself.

    Args:
        sample_rate: in Hz.
        channels: number of channels.
        samples: samples of one channel; None: unknown until all of it is decoded.
        seconds: duration; None: unknown.
    """

    sample_rate: int
    channels: int
    samples: int | None
    seconds: float | None


def info(path: str | Path) -> AudioInfo:
    """Rate, channels and length of a sound file; nothing is decoded.

    The length is that of the sound that is there, by the frames, pages or bytes of the file; what its header states
    only where that agrees.

    Args:
        path: as of `Recording`.

    Raises:
        AudioError: missing, empty, not audio, truncated or with an absurd header.
    """
    with opened(_at_hand(storage.place(path))) as file:
        seconds = None if file.samples is None else file.samples / file.sample_rate
        return AudioInfo(file.sample_rate, file.channels, file.samples, seconds)


def seconds(path: str | Path) -> float:
    """Length of a sound file; it is decoded where that alone can tell.

    Raises:
        AudioError: as of `info`, and where decoding fails.
    """
    path = _at_hand(storage.place(path))
    if (known := info(path).seconds) is not None:
        return known
    status = path.stat()
    return _decoded_seconds(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(4096)
def _decoded_seconds(path: str, size: int, changed: int) -> float:
    with opened(Path(path)) as file:
        return sum(map(len, file.blocks())) / file.sample_rate


def read(source: Source, sample_rate: int, *, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Read a sound file, or a part of it, as mono at the given rate.

    Channels are averaged (see `Recording`); another rate is converted with soxr (HQ). Of a part, only the part and the
    filter's context are decoded (in Opus and by PyAV, everything before it too); the result is the one that reading
    everything and cutting would give.

    Args:
        source: the file, or a `Recording` of it; any rate, depth and channel count.
        sample_rate: rate of the result, Hz, 1 to 768000.
        start: beginning of the part, seconds of the recording's own time, not negative.
        end: end of the part, in the same; None, or past the end of the recording: the end of the recording.

    Returns:
        (samples,), float32; full scale of integer formats is [-1, 1].

    Raises:
        AudioError: missing, empty, not audio, truncated, absurd header, no samples, NaN, infinite or absurd samples.

    Warns:
        AudioWarning: once for what the reader should know: channels that cancel, a low rate, floats beyond full scale.
    """
    check_sample_rate(sample_rate)
    if not (math.isfinite(start) and start >= 0 and (end is None or end > start)):
        raise AudiotagError(f"a part must have 0 <= start < end in seconds, received start {start}, end {end}")
    recording = _as_recording(source)
    start, end = start / recording.speed, None if end is None else end / recording.speed
    name = recording.path.name
    with _playing(recording, sample_rate) as played:
        if played.samples is not None and start * played.rate >= played.samples:
            raise _past_the_end(name, played.samples / played.rate * recording.speed, start * recording.speed)
        if played.rate == sample_rate:
            first = round(start * sample_rate)
            waveform = played.part(first, None if end is None else round(end * sample_rate))
        else:
            waveform = _read_resampled(played, sample_rate, start, end)
    if not len(waveform):
        if start > 0 and played.samples is None:
            raise _past_the_end(name, seconds(recording.path), start * recording.speed)
        if start == 0 and end is None:
            raise AudioError(f"{name} holds no samples (zero-length audio): record or copy it again")
        last = "the end" if end is None else f"{end * recording.speed:g} s"
        raise AudioError(f"{name} has no sample between {start * recording.speed:g} s and {last}: choose a longer part")
    return waveform


def stream(source: Source, sample_rate: int) -> Iterator[np.ndarray]:
    """The same samples as of `read`, one block after another, so that the length does not matter.

    Args:
        source: the file, or a `Recording` of it.
        sample_rate: Hz, 1 to 768000.

    Yields:
        (samples,), float32; at least one sample in all.

    Raises:
        AudioError: as of `read`; what came before is good.
    """
    check_sample_rate(sample_rate)
    recording, count = _as_recording(source), 0
    with _playing(recording, sample_rate) as played:
        resampler = None
        if played.rate != sample_rate:
            resampler = soxr.ResampleStream(played.rate, sample_rate, 1, dtype="float32", quality="HQ")
        step = max(_LARGEST_BLOCK * played.rate // sample_rate, 1)  # a low rate makes many samples of few
        for whole in played.blocks(0):
            for first in range(0, len(whole), step):
                block = whole[first : first + step]
                if recording.on_read is not None:
                    recording.on_read(len(block) / played.rate * recording.speed)
                resampled = block if resampler is None else resampler.resample_chunk(block)
                count += len(resampled)
                yield resampled
        if resampler is not None:
            resampled = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            count += len(resampled)
            yield resampled
    if not count:
        raise AudioError(f"{recording.path.name} holds no samples (zero-length audio): record or copy it again")


def _as_recording(source: Source) -> Recording:
    return source if isinstance(source, Recording) else Recording(source)


def _at_hand(path: Path) -> Path:
    """A file of this machine: a remote one is fetched, and kept as long as there is room."""
    with reasons(path.name):
        return storage.local_file(path)


def _past_the_end(name: str, lasts: float, start: float) -> AudioError:
    return AudioError(f"{name} lasts {lasts:g} s and the part starts at {start:g} s: correct the clip's start")


class _Played:
    """An open file as it is played: its rate by the speed, one channel, samples that are sound."""

    def __init__(self, recording: Recording, decoder: Decoder) -> None:
        self._name, self._decoder = recording.path.name, decoder
        self._mix = channels.mix(recording.path, decoder, recording.channel)
        self.rate = max(round(decoder.sample_rate * recording.speed), 1)
        self.samples = decoder.samples

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Samples from one on: (n,), float32."""
        yield from map(self._checked, self._decoder.blocks(first))

    def part(self, first: int, last: int | None) -> np.ndarray:
        """Samples first … last - 1, or up to the end where that comes before: (samples,), float32."""
        parts = (
            [] if last is not None and last <= first else list(map(self._checked, self._decoder.blocks(first, last)))
        )
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _checked(self, block: np.ndarray) -> np.ndarray:
        if check_level(block, self._name) > 1 and self._decoder.holds_floats:
            warnings.warn(
                f"{self._name}: float samples beyond full scale (1.0) are taken as they are: scale them if that is a "
                "mistake",
                AudioWarning,
                stacklevel=2,
            )
        return self._mix(block)


@contextmanager
def _playing(recording: Recording, sample_rate: int) -> Iterator[_Played]:
    recording = replace(recording, path=_at_hand(recording.path))
    with opened(recording.path) as decoder:
        played = _Played(recording, decoder)
        if played.rate < _LOW_RATE * sample_rate:
            warnings.warn(
                f"recordings at {played.rate / 1000:g} kHz have nothing above {played.rate / 2000:g} kHz to hear, "
                f"where {sample_rate / 2000:g} kHz could be",
                AudioWarning,
                stacklevel=2,
            )
        yield played


def _read_resampled(played: _Played, sample_rate: int, start: float, end: float | None) -> np.ndarray:
    """A part at another rate: decoded with the resampler's context, beginning where both rates have a sample."""
    common = math.gcd(played.rate, sample_rate)
    source_step, target_step = played.rate // common, sample_rate // common
    context = _CONTEXT * max(1, math.ceil(played.rate / sample_rate))
    first = max(0, int(start * played.rate) - context) // source_step * source_step
    last = None if end is None else math.ceil(end * played.rate) + context
    resampled = soxr.resample(played.part(first, last), played.rate, sample_rate, quality="HQ")
    offset = first // source_step * target_step
    stop = None if end is None else max(round(end * sample_rate) - offset, 0)
    return np.ascontiguousarray(resampled[round(start * sample_rate) - offset : stop])
