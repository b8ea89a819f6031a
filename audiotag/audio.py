"""Sound files and waveforms: the only place that opens a sound file; cropping, padding and windows."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile
import soxr

from audiotag import storage
from audiotag.errors import AudioError, AudiotagError

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64")
"""Suffixes (lower case) of the files that are taken for sound when a folder is searched."""

MAX_SAMPLE_RATE = 768_000
MAX_CHANNELS = 256
_BLOCK_VALUES = 1 << 20  # values decoded at once: memory follows what a file holds, not what its header claims
_CONTEXT = 1024  # samples, at the lower of two rates, that soxr's HQ filter is given on both sides of a part


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file's header says.

    Args:
        sample_rate: in Hz.
        channels: number of channels.
        samples: samples of one channel.
        seconds: duration.
    """

    sample_rate: int
    channels: int
    samples: int
    seconds: float


def info(path: str | Path) -> AudioInfo:
    """Rate, channels and length of a sound file, from its header; nothing is decoded.

    Args:
        path: WAV, FLAC, OGG, MP3 or whatever else libsndfile reads.

    Raises:
        AudioError: missing, empty, not audio, truncated or with an absurd header.
    """
    with _open(Path(path)) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.frames / file.samplerate)


def read(path: str | Path, sample_rate: int, *, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Read a sound file, or a part of it, as mono at the given rate.

    Channels are averaged; another rate is converted with soxr (HQ). Of a part, only the part and the filter's
    context are decoded (in Ogg, everything before it too); the result is the one that reading everything and cutting
    would give.

    Args:
        path: WAV, FLAC, OGG, MP3 or whatever else libsndfile reads; any rate, depth and channel count.
        sample_rate: rate of the result, Hz, 1 to 768000.
        start: beginning of the part, seconds, not negative.
        end: end of the part, seconds; None, or past the end of the recording: the end of the recording.

    Returns:
        (samples,), float32; full scale of integer formats is [-1, 1].

    Raises:
        AudioError: missing, empty, not audio, truncated, absurd header, no samples, NaN or infinite samples.
    """
    path = Path(path)
    _check_sample_rate(sample_rate)
    if not (math.isfinite(start) and start >= 0 and (end is None or end > start)):
        raise AudiotagError(f"a part must have 0 <= start < end in seconds, received start {start}, end {end}")
    with _open(path) as file:
        if start * file.samplerate >= file.frames:
            raise AudioError(
                f"{path.name} lasts {file.frames / file.samplerate:g} s and the part starts at {start:g} s: "
                "correct the clip's start"
            )
        if file.samplerate == sample_rate:
            first = round(start * sample_rate)
            last = file.frames if end is None else min(round(end * sample_rate), file.frames)
            waveform = _decode(file, path, first, last)
        else:
            waveform = _read_resampled(file, path, sample_rate, start, end)
    if not len(waveform):
        raise AudioError(f"{path.name} has no sample between {start:g} s and {end:g} s: choose a longer part")
    return waveform


def write(path: str | Path, waveform: np.ndarray, sample_rate: int) -> None:
    """Write a mono waveform, atomically: 32-bit float WAV or 24-bit FLAC.

    Args:
        path: file to write; its suffix, .wav or .flac, chooses the format.
        waveform: (samples,), finite; in [-1, 1] for FLAC.
        sample_rate: in Hz, 1 to 768000 (FLAC: to 655350).

    Raises:
        AudiotagError: another suffix.
        AudioError: samples that the format cannot hold.
    """
    path = Path(path)
    _check_sample_rate(sample_rate)
    formats = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}
    if path.suffix.lower() not in formats:
        raise AudiotagError(f"a sound file is written as .wav or .flac, received {path.name}: change its suffix")
    container, subtype = formats[path.suffix.lower()]
    waveform = _checked(waveform, path.name)
    if container == "FLAC" and np.abs(waveform).max(initial=0.0) > 1.0:
        raise AudioError(f"{path.name}: FLAC holds samples in [-1, 1], received a peak of {np.abs(waveform).max():g}")
    with storage.write_atomically(path, "wb") as file:
        try:
            soundfile.write(file, waveform, sample_rate, format=container, subtype=subtype)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path.name} cannot be written at {sample_rate} Hz ({error.error_string})") from error


def fit(waveform: np.ndarray, samples: int, pad: Literal["repeat", "zero"] = "repeat") -> np.ndarray:
    """Make a waveform exactly `samples` long: cut at its end, or filled up.

    Args:
        waveform: (samples,), not empty.
        samples: wanted length, at least 1.
        pad: "repeat" plays the sound again until full, "zero" appends silence. Default: "repeat".

    Returns:
        (samples,), float32.
    """
    waveform = _checked(waveform, "the waveform")
    if samples < 1:
        raise AudiotagError(f"a waveform is fitted to at least 1 sample, received {samples}")
    if pad not in ("repeat", "zero"):
        raise AudiotagError(f"pad must be 'repeat' or 'zero', received {pad!r}")
    if not len(waveform):
        raise AudioError("a waveform without samples cannot be filled up: give at least one sample")
    if len(waveform) >= samples:
        return waveform[:samples].copy()
    if pad == "repeat":
        return np.resize(waveform, samples)
    return np.pad(waveform, (0, samples - len(waveform)))


def windows(samples: int, window: int, hop: int) -> list[int]:
    """First samples of the windows that cover a signal.

    Windows start at 0, hop, 2 hop … The last one is moved back so that it ends where the signal ends: every sample
    is covered (where hop <= window) and no window hangs over. A signal shorter than one window gives [0].

    Args:
        samples: length of the signal, not negative.
        window: length of a window in samples, at least 1.
        hop: distance of two windows in samples, at least 1.

    Returns:
        Starts in samples, strictly increasing.
    """
    if window < 1 or hop < 1:
        raise AudiotagError(f"window and hop must be at least one sample, received window {window} and hop {hop}")
    last = max(samples - window, 0)
    return [*range(0, last, hop), last]


def _checked(waveform: np.ndarray, name: str) -> np.ndarray:
    """The waveform as float32, once it is known to be mono and finite."""
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 1:
        raise AudioError(f"{name} must be mono of shape (samples,), received shape {waveform.shape}: average channels")
    if not np.isfinite(waveform).all():
        raise AudioError(f"{name} holds NaN or infinite samples: repair or leave it out")
    return waveform


def _check_sample_rate(sample_rate: int) -> None:
    if not 1 <= sample_rate <= MAX_SAMPLE_RATE or sample_rate != int(sample_rate):
        raise AudiotagError(f"a sample rate is a whole number of Hz, 1 to {MAX_SAMPLE_RATE}, received {sample_rate}")


@contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    """A sound file that is whole and has a plausible header."""
    name = path.name
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{name} is an empty file: record or copy it again")
            _check_container(file, name)
        opened = soundfile.SoundFile(path)
    except FileNotFoundError as error:
        raise AudioError(f"{name} is missing: no such file") from error
    except OSError as error:
        raise AudioError(f"{name} cannot be opened ({error.strerror}): a readable file is needed") from error
    except (soundfile.LibsndfileError, TypeError) as error:
        # libsndfile's MP3 reader calls what it cannot read a file that does not exist.
        reason = getattr(error, "error_string", "raw samples without a header").strip(". ")
        reason = "Format not recognised" if "does not exist" in reason else reason
        raise AudioError(f"{name} is not audio that can be read ({reason}): convert it to WAV or FLAC") from error
    with opened:
        _check_header(name, opened.samplerate, opened.channels)
        if opened.frames < 1:
            raise AudioError(f"{name} holds no samples (zero-length audio): record or copy it again")
        yield opened


def _check_header(name: str, sample_rate: int, channels: int) -> None:
    if not 1 <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioError(f"{name} has an absurd header: sample rate {sample_rate} Hz, not in 1 to {MAX_SAMPLE_RATE}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"{name} has an absurd header: {channels} channels, not in 1 to {MAX_CHANNELS}")


def _check_container(file: BinaryIO, name: str) -> None:
    """Refuse a cut-off WAV, AIFF or Ogg: libsndfile reads their beginning as if it were the whole."""
    size = file.seek(0, 2)
    file.seek(0)
    magic = file.read(12)
    if magic[:4] in (b"RIFF", b"RIFX", b"RF64") and magic[8:] == b"WAVE":
        _check_chunks(file, name, size, "<" if magic[:4] != b"RIFX" else ">", b"data")
    elif magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
        _check_chunks(file, name, size, ">", b"SSND")
    elif magic[:4] == b"OggS":
        _check_last_ogg_page(file, name, size)


def _check_chunks(file: BinaryIO, name: str, size: int, order: str, sound: bytes) -> None:
    """Walk the chunks of a RIFF or AIFF file up to its sound, whose bytes must all be there."""
    block, long_size = 1, None
    while len(header := file.read(8)) == 8:
        kind, length = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        begin = file.tell()
        if kind == b"ds64":
            long_size = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
        elif kind == b"fmt " and len(described := file.read(14)) == 14:
            channels, rate, _, block = struct.unpack(f"{order}HIIH", described[2:])
            _check_header(name, rate, channels)
        elif kind == sound:
            unknown = sound == b"data" and length == 0xFFFFFFFF
            promised = (long_size or 0) if unknown else length
            present = size - begin
            if promised // max(block, 1) > present // max(block, 1):
                raise AudioError(
                    f"{name} is truncated: its header promises {promised} bytes of sound, {present} are there; "
                    "copy it again"
                )
            return
        file.seek(begin + length + length % 2)


def _check_last_ogg_page(file: BinaryIO, name: str, size: int) -> None:
    """The last page of an Ogg file must be complete and say that the stream ends (RFC 3533, section 6)."""
    tail_size = min(size, 2 * 65_307)  # a page has at most 65307 bytes
    file.seek(size - tail_size)
    tail = file.read()
    begin = tail.rfind(b"OggS")
    page = tail[begin:]
    whole = begin >= 0 and len(page) >= 27 and len(page) >= 27 + page[26]
    whole = whole and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    if not whole or not page[5] & 4:
        raise AudioError(f"{name} is truncated: the end of its Ogg stream is missing; copy it again")


def _decode(file: soundfile.SoundFile, path: Path, first: int, last: int) -> np.ndarray:
    """Samples first … last - 1 of the file, channels averaged: (last - first,), float32."""
    # libsndfile's seek can miss in Ogg (its issue 885): there, the way to the part is decoded and dropped.
    position = 0 if file.format == "OGG" else first
    blocks, step = [], max(_BLOCK_VALUES // file.channels, 1)
    try:
        if position:
            file.seek(position)
        while position < last:
            block = file.read(min(step, last - position), dtype="float32", always_2d=True)
            if not len(block):
                break
            wanted = block[max(first - position, 0) :]
            if not np.isfinite(wanted).all():
                raise AudioError(f"{path.name} holds NaN or infinite samples: repair or leave it out")
            blocks.append(wanted[:, 0] if file.channels == 1 else wanted.mean(axis=1))
            position += len(block)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip(". ")
        raise AudioError(f"{path.name} is truncated or damaged ({reason}): copy it again") from error
    if position < last:
        raise AudioError(
            f"{path.name} is truncated: its header promises {file.frames} samples, {position} can be decoded; "
            "copy it again"
        )
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _read_resampled(
    file: soundfile.SoundFile, path: Path, sample_rate: int, start: float, end: float | None
) -> np.ndarray:
    """A part at another rate: decoded with the resampler's context, beginning where both rates have a sample."""
    common = math.gcd(file.samplerate, sample_rate)
    source_step, target_step = file.samplerate // common, sample_rate // common
    context = _CONTEXT * max(1, math.ceil(file.samplerate / sample_rate))
    first = max(0, int(start * file.samplerate) - context) // source_step * source_step
    last = file.frames
    if end is not None:
        last = min(last, math.ceil(end * file.samplerate) + context)
    resampled = soxr.resample(_decode(file, path, first, last), file.samplerate, sample_rate, quality="HQ")
    offset = first // source_step * target_step
    stop = None if end is None else max(round(end * sample_rate) - offset, 0)
    return np.ascontiguousarray(resampled[round(start * sample_rate) - offset : stop])
