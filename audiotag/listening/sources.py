"""Where sound comes from while it happens: a microphone, raw samples from another program, a file at its own pace."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from audiotag import audio, progress
from audiotag.audio.waveforms import check_sample_rate
from audiotag.errors import AudioError, AudiotagError, suggest

PIECE = 0.1  # seconds that are taken at once
WAITING = 10.0  # seconds of sound that may wait where computing is slower than listening
RETRY = 2.0  # seconds from one attempt to open a lost microphone to the next

SAMPLES = {"s16": "<i2", "s32": "<i4", "f32": "<f4"}
"""Formats of raw samples, little-endian, by the names that FFmpeg gives them without their last two letters."""


@dataclass(frozen=True)
class Piece:
    """Some sound that came.

    Args:
        samples: (samples,), float32.
        arrived: when its last sample was there, by `time.monotonic`.
        lost: seconds that are missing before it.
    """

    samples: np.ndarray
    arrived: float
    lost: float = 0.0


class Source(Protocol):
    """What is listened to.

    Args:
        name: for people.
        sample_rate: of its pieces, Hz.
    """

    name: str
    sample_rate: int

    def pieces(self) -> Iterator[Piece]:
        """The sound, piece by piece, until it ends or nobody asks any more."""


@dataclass(frozen=True)
class RawSamples:
    """Samples without a header from another program, the channels of a moment one after the other.

    Args:
        stream: binary, such as `sys.stdin.buffer`.
        sample_rate: Hz.
        channels: at least 1; they are averaged.
        format: a name of `SAMPLES`.
    """

    stream: IO[bytes]
    sample_rate: int
    channels: int = 1
    format: str = "s16"
    name: str = "standard input"

    def __post_init__(self) -> None:
        if self.format not in SAMPLES:
            raise AudiotagError(f"no format of samples is named {self.format!r}: {suggest(self.format, SAMPLES)}")
        check_sample_rate(self.sample_rate)
        if self.channels < 1:
            raise AudiotagError(f"samples have at least one channel, received {self.channels}")

    def pieces(self) -> Iterator[Piece]:
        """The sound until the other program ends.

        Raises:
            AudioError: floats that are none, or end in the middle of a sample: another format was sent.
        """
        kind = np.dtype(SAMPLES[self.format])
        moment = kind.itemsize * self.channels
        size = max(round(PIECE * self.sample_rate), 1) * moment
        read = getattr(self.stream, "read1", self.stream.read)  # what is there, rather than all that is asked for
        rest = b""
        while block := read(size):
            block = rest + block
            whole = len(block) // moment * moment
            rest = block[whole:]
            samples = np.frombuffer(block[:whole], kind)
            if kind.kind == "f" and not (np.isfinite(samples).all() and (np.abs(samples) <= 1e3).all()):
                raise AudioError(f"{self.name} sends no samples of the format {self.format}: name theirs with --format")
            scale = 1.0 if kind.kind == "f" else 2.0 ** (8 * kind.itemsize - 1)
            mono = (samples.reshape(-1, self.channels) / scale).mean(axis=1)
            yield Piece(mono.astype(np.float32), time.monotonic())
        if rest:
            raise AudioError(
                f"{self.name} ended in the middle of a sample ({len(rest)} of {moment} bytes): are --format "
                f"{self.format} and --channels {self.channels} right?"
            )


@dataclass(frozen=True)
class Played:
    """A sound file at the pace at which it sounds.

    Args:
        path: the file.
        sample_rate: to which it is resampled, Hz.
    """

    path: Path
    sample_rate: int

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def pieces(self) -> Iterator[Piece]:
        """The sound, each piece when it would have been heard."""
        size, begun, sent = max(round(PIECE * self.sample_rate), 1), time.monotonic(), 0
        for block in audio.stream(self.path, self.sample_rate):
            for first in range(0, len(block), size):
                samples = block[first : first + size]
                sent += len(samples)
                due = begun + sent / self.sample_rate
                time.sleep(max(due - time.monotonic(), 0.0))
                yield Piece(samples, due)


class Microphone:
    """A microphone, by `sounddevice`; one that is unplugged is waited for.

    Args:
        device: its number or a part of its name; None: the system's.
        sample_rate: Hz; None: the device's own.

    Raises:
        AudiotagError: `sounddevice` is not installed, or there is no such device.
    """

    def __init__(self, device: str | None = None, sample_rate: int | None = None) -> None:
        self._module = _sounddevice()
        self._device = int(device) if device is not None and device.isdigit() else device
        try:
            found = self._module.query_devices(self._device, "input")
        except (ValueError, self._module.PortAudioError) as error:
            raise AudiotagError(
                f"no microphone {'is there' if device is None else f'is named {device!r}'} "
                f"({_line(error)}): name one of `python -m sounddevice` with --device, or pipe sound into "
                "`audiotag listen -`"
            ) from error
        self.name = str(found["name"])
        self.sample_rate = int(found["default_samplerate"]) if sample_rate is None else sample_rate

    def pieces(self) -> Iterator[Piece]:
        """The sound until nobody asks any more. What is lost, by overruns or unplugging, is told with what follows.

        Raises:
            AudiotagError: it cannot be opened to begin with, as at a rate that it does not have.
        """
        waiting: queue.Queue[tuple[np.ndarray, float, bool]] = queue.Queue(round(WAITING / PIECE))
        dropped, size, opened = 0, round(PIECE * self.sample_rate), False

        def take(block: np.ndarray, frames: int, moment: Any, status: Any) -> None:
            nonlocal dropped
            try:
                waiting.put_nowait((block.mean(axis=1), time.monotonic(), bool(status.input_overflow)))
            except queue.Full:
                dropped += 1

        lost_since: float | None = None
        while True:
            try:
                with self._module.InputStream(
                    self.sample_rate, size, self._device, dtype="float32", callback=take
                ) as stream:
                    opened = True
                    while stream.active:
                        try:
                            samples, arrived, overflow = waiting.get(timeout=2.0)
                        except queue.Empty:
                            break  # it says that it listens, and nothing comes
                        lost = PIECE if overflow else 0.0  # how much the device does not say: at least something
                        if lost_since is not None:
                            lost, lost_since = arrived - lost_since, None
                            progress.say(f"{self.name} is back after {lost:.1f} s")
                        missed, dropped = dropped, 0
                        yield Piece(samples.astype(np.float32), arrived, lost + missed * PIECE)
            except self._module.PortAudioError as error:
                reason = _line(error)
                if not opened:
                    raise AudiotagError(
                        f"{self.name} cannot be listened to at {self.sample_rate} Hz ({reason}): choose another --rate "
                        "or --device"
                    ) from error
            else:
                reason = "nothing comes from it"
            if lost_since is None:
                lost_since = time.monotonic()
                progress.say(f"{self.name} was lost ({reason}): waiting for it")
            time.sleep(RETRY)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the latter where PortAudio itself is missing
        raise AudiotagError(
            f"a microphone needs sounddevice ({_line(error)}): pip install 'audiotag[microphone]', on Linux with "
            "libportaudio2, or pipe sound into `audiotag listen -`"
        ) from error
    return sounddevice


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def opened(
    name: str | None, model_rate: int, *, device: str | None, rate: int | None, channels: int, format: str
) -> Source:
    """What is to be listened to, by its name on the command line.

    Args:
        name: "-" for standard input, a file, or None for a microphone.
        model_rate: to which files are resampled, Hz.
        device: of a microphone.
        rate: of raw samples or of a microphone, Hz.
        channels: of raw samples.
        format: of raw samples.

    Raises:
        AudiotagError: an option out of range, or nothing of that name.
    """
    if name is None:
        return Microphone(device, rate)
    if name == "-":
        if rate is None:
            raise AudiotagError(
                "raw samples do not say their rate: name it with --rate, as in "
                "`ffmpeg -i URL -f s16le -ac 1 -ar 32000 - | audiotag listen - --rate 32000`"
            )
        return RawSamples(sys.stdin.buffer, rate, channels, format)
    audio.info(Path(name))  # refuses what is no sound file
    return Played(Path(name), model_rate)
