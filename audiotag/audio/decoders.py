"""Decoders: a sound file as blocks of samples, by libsndfile or by PyAV."""

from __future__ import annotations

import mmap
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audiotag.audio import flac, mpeg, ogg, riff
from audiotag.audio.formats import DECODED_BY_PYAV, check_header, is_foreign, may_hold_other_codecs
from audiotag.audio.layout import WHOLE, Link, View
from audiotag.errors import AudioError, AudiotagError, AudioWarning

_BLOCK_VALUES = 1 << 20  # values decoded at once: memory follows what a file holds, not what its header claims
_UNKNOWN = 1 << 48  # libsndfile says a number near 2^63 where it knows none
_LONGEST_BYTE = 0.2  # seconds of the most compressed sound, near silence; longer claims are believed once decoded
_SLACK = {"MP3": 4 * 1152}  # samples that a decoder may give fewer than frames hold: the first ones lack what is before
_RUN_UP = 10 * 1152  # samples of MP3 that are decoded and dropped before a part: its frames borrow bits of those before
INSTALL = 'install PyAV (pip install "audiotag[formats]"), or convert it to WAV or FLAC'


def _has_resource_fork(path: Path) -> bool:
    """Whether macOS left a file beside this one in which libsndfile, given the name, looks for what an MP3 is."""
    return any(
        (path.parent / fork / name).exists() for fork, name in (("", f"._{path.name}"), (".AppleDouble", path.name))
    )


class SoundfileDecoder:
    """A file that libsndfile decodes, link after link.

    Args:
        path: the file.
        links: its parts, as of `layout`.
    """

    def __init__(self, path: Path, links: tuple[Link, ...]) -> None:
        self._name, self._path, self._links = path.name, path, links
        self._files: list[soundfile.SoundFile] = []
        by_name = not _has_resource_fork(path)
        try:
            for link in links:
                self._files.append(soundfile.SoundFile(path if by_name and link == Link() else View(path, link)))
                check_header(path.name, self._files[-1].samplerate, self._files[-1].channels)
        except BaseException:
            self.close()
            raise
        first = self._files[0]
        self.sample_rate, self.channels = first.samplerate, first.channels
        kinds = {(file.samplerate, file.channels) for file in self._files}
        if len(kinds) > 1:
            self.close()
            shown = ", ".join(f"{rate} Hz with {channels} channels" for rate, channels in sorted(kinds))
            raise AudioError(f"{path.name} is several recordings of different kinds ({shown}): split it")
        pairs = zip(self._files, links, strict=True)
        self._lengths = [file.frames if link.samples is None else link.samples for file, link in pairs]
        samples = sum(self._lengths)
        believable = samples < path.stat().st_size * _LONGEST_BYTE * first.samplerate
        self.samples = samples if believable else None
        self.holds_floats = first.subtype in ("FLOAT", "DOUBLE")

    def blocks(self, first: int = 0, last: int | None = None) -> Iterator[np.ndarray]:
        """Samples first … last - 1 as far as they are there, None: to the end: (n, channels), float32, n at least 1.

        Raises:
            AudioError: samples are missing of those that the file holds by what it says itself.
        """
        begin = 0
        for index, length in enumerate(self._lengths):
            end = length if last is None else min(last - begin, length)
            if first - begin < end:
                with self._placed(index, max(first - begin, 0)) as (file, position):
                    yield from self._blocks_of(file, position, max(first - begin, 0), end, length)
            begin += length

    @contextmanager
    def _placed(self, index: int, first: int) -> Iterator[tuple[soundfile.SoundFile, int]]:
        """A link's file and where it stands: at a sample, or before it where a decoder must run up to it."""
        file, link = self._files[index], self._links[index]
        # libsndfile's seek can miss in Ogg (its issue 885): there, decoding begins at a page, or with the first one.
        rests = [entry for entry in link.entries if file.frames - entry[0] + ogg.LONGEST_BLOCK <= first]
        if rests:
            with self._path.open("rb") as stored:
                stored.seek(link.begin)
                head = stored.read(link.head - link.begin)
            shown = View(self._path, Link(rests[-1][1], link.end, head))
            with soundfile.SoundFile(shown) as late:
                if (position := file.frames - late.frames) <= first:
                    yield late, position
                    return
        position = max(first - _RUN_UP, 0) if file.format == "MP3" else first
        if file.format == "OGG" or file.frames >= _UNKNOWN:
            position = 0
        if file.tell() != position:
            file.seek(position)
        yield file, position

    def _blocks_of(
        self, file: soundfile.SoundFile, position: int, first: int, last: int, promised: int
    ) -> Iterator[np.ndarray]:
        step = max(_BLOCK_VALUES // file.channels, 1)
        while position < last:
            block = file.read(min(step, last - position), dtype="float32", always_2d=True)
            if not len(block):
                break
            if len(wanted := block[max(first - position, 0) :]):
                yield wanted
            position += len(block)
        if position + _SLACK.get(file.format, 0) < last < _UNKNOWN:
            raise AudioError(
                f"{self._name} is truncated: its header promises {promised} samples, {position} can be decoded; "
                "copy it again"
            )

    def close(self) -> None:
        """Close the file."""
        for file in self._files:
            file.close()


class PyavDecoder:
    """A file that FFmpeg decodes; its first stream of sound.

    Args:
        path: the file.
    """

    samples = None
    """Its header only estimates the length."""

    def __init__(self, path: Path) -> None:
        import av

        av.logging.set_level(av.logging.PANIC)
        self._path, self._av = path, av
        self._container: Any = None
        stream = self._stream()
        self.sample_rate, self.channels = stream.codec_context.sample_rate, stream.codec_context.channels
        if not (self.sample_rate and self.channels):
            raise ValueError("FFmpeg finds no stream of sound in it")
        check_header(path.name, self.sample_rate, self.channels)
        self.holds_floats = stream.codec_context.name.startswith("pcm_f")

    def _stream(self) -> Any:
        self.close()
        self._container = self._av.open(str(self._path), metadata_errors="ignore")
        if not self._container.streams.audio:
            raise AudioError(f"{self._path.name} holds no sound, only {self._container.format.name}: leave it out")
        return self._container.streams.audio[0]

    def blocks(self, first: int = 0, last: int | None = None) -> Iterator[np.ndarray]:
        """As of `SoundfileDecoder`."""
        position, stream = 0, self._stream()
        for frame in self._container.decode(stream):
            if (frame.sample_rate, frame.layout.nb_channels) != (self.sample_rate, self.channels):
                raise AudioError(
                    f"{self._path.name} changes its rate or channels on the way: convert it to WAV or FLAC"
                )
            block = _as_floats(frame.to_ndarray(), frame.format.is_planar, self.channels)
            if len(wanted := block[max(first - position, 0) : None if last is None else last - position]):
                yield wanted
            position += len(block)
            if last is not None and position >= last:
                return
        promised = (self._container.duration or 0) / self._av.time_base
        if promised > 0.5 + 1.05 * position / self.sample_rate:
            warnings.warn(
                f"{self._path.name}: its header promises {promised:.1f} s, {position / self.sample_rate:.1f} s can be "
                "decoded and are used: copy it again if more should be there",
                AudioWarning,
                stacklevel=2,
            )

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()


Decoder = SoundfileDecoder | PyavDecoder


def _as_floats(samples: np.ndarray, is_planar: bool, channels: int) -> np.ndarray:
    """FFmpeg's samples as (n, channels), float32, full scale 1."""
    arranged = samples.T if is_planar else samples.reshape(-1, channels)
    if samples.dtype == np.uint8:
        return (arranged.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.integer):
        return (arranged / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    return np.ascontiguousarray(arranged, np.float32)


@contextmanager
def opened(path: Path) -> Iterator[Decoder]:
    """A sound file, open. Whatever goes wrong in it, here or while it is read, is an `AudioError` about this file."""
    decoder = None
    with reasons(path.name):
        try:
            decoder = _decoder(path)
            yield decoder
        finally:
            if decoder is not None:
                decoder.close()


@contextmanager
def reasons(name: str) -> Iterator[None]:
    """Whatever a decoder raises is a reason for which one file cannot be used."""
    try:
        yield
    except AudiotagError:
        raise
    except FileNotFoundError as error:
        raise AudioError(f"{name} is missing: no such file") from error
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip(". ")
        raise AudioError(f"{name} is truncated or damaged ({reason}): copy it again") from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise AudioError(f"{name} cannot be opened ({reason}): a readable file is needed") from error
    except Exception as error:
        detail = getattr(error, "strerror", None) or error  # FFmpeg's text ends with the path
        reason = " ".join(f"{type(error).__name__}: {detail}".split()).rstrip(": ")
        raise AudioError(f"{name} cannot be decoded ({reason}): convert it to WAV or FLAC") from error


def _decoder(path: Path) -> Decoder:
    with path.open("rb") as file:
        beginning = file.read(12)
        status = os.fstat(file.fileno())
    if not beginning:
        raise AudioError(f"{path.name} is an empty file: record or copy it again")
    is_foreign_file = is_foreign(beginning) or path.suffix.lower() in DECODED_BY_PYAV
    if is_foreign_file and not may_hold_other_codecs(beginning):
        return _by_pyav(path, f"{path.suffix or 'its kind'} is read by PyAV alone")
    try:
        decoder = SoundfileDecoder(path, links_of(str(path), status.st_size, status.st_mtime_ns))
    except (soundfile.LibsndfileError, TypeError) as error:
        # libsndfile's MP3 reader calls what it cannot read a file that does not exist.
        reason = getattr(error, "error_string", "raw samples without a header").strip(". ")
        reason = "Format not recognised" if "does not exist" in reason else reason
        if may_hold_other_codecs(beginning):
            return _by_pyav(path, reason)
        raise AudioError(f"{path.name} is not audio that can be read ({reason}): convert it to WAV or FLAC") from error
    if decoder.samples == 0:
        decoder.close()
        raise AudioError(f"{path.name} holds no samples (zero-length audio): record or copy it again")
    return decoder


def _by_pyav(path: Path, reason: str) -> PyavDecoder:
    try:
        return PyavDecoder(path)
    except ImportError as error:
        raise AudioError(f"{path.name} is not audio that can be read ({reason}): {INSTALL}") from error
    except AudiotagError:
        raise
    except Exception as error:  # what FFmpeg refuses
        raise AudioError(f"{path.name} is not audio that can be read ({reason}): convert it to WAV or FLAC") from error


@lru_cache(4096)
def links_of(path: str, size: int, changed: int) -> tuple[Link, ...]:
    """How a file must be shown to libsndfile, so that it reads all that is there; looked up once a file.

    Args:
        path: of the file.
        size: its bytes.
        changed: when it was changed last: with the size, what tells that it is another file now.

    Raises:
        AudioError: sound is missing by what the codec itself says.
    """
    name = Path(path).name
    with Path(path).open("rb") as file:
        magic = file.read(12)
        if riff.is_plain(magic):
            return riff.links(file, name, size, magic)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if magic[:4] == b"OggS":
                return ogg.links(content, name)
            begin = mpeg.skip_tags(content)
            if content[begin : begin + 4] == b"fLaC":
                return flac.links(content, name, begin)
            if begin or mpeg.begins(content, 0) or name.lower().endswith(".mp3"):
                return mpeg.links(content, name)
    return WHOLE
