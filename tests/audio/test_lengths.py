"""Length is what can be decoded: every header that does not know it, or lies about it."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import audio
from audiotag.errors import AudioError

RATE = 16_000
SECONDS = 3


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Three seconds, silence first and last quiet, so that a variable bit rate varies: (samples,), float32."""
    noise = np.random.default_rng(1).normal(size=SECONDS * RATE) * np.repeat([0.0, 0.3, 0.001], RATE)
    return noise.clip(-1, 1).astype(np.float32)


@pytest.fixture
def written(tmp_path: Path, sound: np.ndarray) -> Callable[..., Path]:
    def write(name: str, rate: int = RATE, **options: str) -> Path:
        soundfile.write(tmp_path / name, sound, rate, **options)
        return tmp_path / name

    return write


def changed(path: Path, change: Callable[[bytearray], bytes | bytearray | None]) -> Path:
    """A copy of a file with other content."""
    content = bytearray(path.read_bytes())
    content = change(content) or content
    copy = path.with_name(f"changed{path.suffix}")
    copy.write_bytes(content)
    return copy


def check_same(path: Path, expected: np.ndarray, tolerance: float = 0.0) -> None:
    """Whole, in blocks and by parts a file gives the expected samples, at another rate as many as its length says."""
    whole = audio.read(path, RATE)
    assert audio.info(path).samples == len(expected) == len(whole)
    np.testing.assert_allclose(whole, expected, atol=tolerance)
    np.testing.assert_array_equal(np.concatenate(list(audio.stream(path, RATE))), whole)
    np.testing.assert_allclose(audio.read(path, RATE, start=1.25, end=2.5), whole[20_000:40_000], atol=1e-6)
    resampled = audio.read(path, 22_050)
    np.testing.assert_allclose(np.concatenate(list(audio.stream(path, 22_050))), resampled, atol=1e-6)
    assert len(resampled) == round(len(expected) * 22_050 / RATE)


def decoded(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


@pytest.mark.parametrize(
    "size", [0, 1, 60_000, 96_008, 96_036, 96_044, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF]
)
def test_a_wav_file_is_read_to_its_end_whatever_length_a_streaming_writer_left(written, size: int) -> None:
    path = written("sound.wav")
    expected = decoded(path)
    check_same(changed(path, lambda content: struct.pack_into("<I", content, 40, size)), expected)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_so_is_a_big_endian_one_and_an_aiff_file(written, size: int) -> None:
    for name, options in (("sound.wav", {"endian": "BIG"}), ("sound.aiff", {})):
        path = written(name, subtype="PCM_16", **options)
        expected, marker = decoded(path), b"data" if name.endswith("wav") else b"SSND"
        lied = changed(path, lambda c, m=marker: struct.pack_into(">I", c, c.index(m) + 4, size))
        check_same(lied, expected)


@pytest.mark.parametrize("size", [0, 2**40, 2**63, 2**64 - 1])
def test_an_rf64_file_is_read_to_its_end_too(written, size: int) -> None:
    path = written("sound.rf64", format="RF64", subtype="PCM_16")
    content = path.read_bytes()
    assert content[:4] == b"RF64" and content[12:16] == b"ds64"
    expected = decoded(path)
    streamed = changed(path, lambda c: struct.pack_into("<Q", c, 28, size))
    if size == 2**40:  # so much may have been there
        with pytest.raises(AudioError, match="truncated"):
            audio.read(streamed, RATE)
    else:
        check_same(streamed, expected)


@pytest.mark.parametrize(
    ("suffix", "layout", "marker", "after", "sizes"),
    [
        ("au", ">I", b".snd", 4, [0, 30_000, 0x7FFFFFFF, 0xFFFFFFFF]),
        ("caf", ">q", b"data", 0, [-1, 2**63 - 1]),
        ("w64", "<Q", b"data\xf3\xac", 10, [0, 2**63 - 1]),
    ],
)
def test_au_caf_and_w64_files_are_read_to_their_end_and_refused_where_they_are_cut(
    written, suffix: str, layout: str, marker: bytes, after: int, sizes: list[int]
) -> None:
    path = written(f"sound.{suffix}", subtype="PCM_16")
    expected = decoded(path)
    place = path.read_bytes().index(marker) + len(marker) + after
    for size in sizes:
        streamed = changed(path, lambda content, size=size: struct.pack_into(layout, content, place, size))
        received = audio.read(streamed, RATE)
        np.testing.assert_array_equal(received[: len(expected)], expected)
        assert len(received) - len(expected) <= 2  # bytes that fill a chunk up
    with pytest.raises(AudioError, match="truncated"):
        audio.read(changed(path, lambda content: content[: len(content) // 2]), RATE)


def test_chunks_after_the_sound_are_no_sound(written) -> None:
    path = written("sound.wav")
    expected = decoded(path)
    notes = b"LIST" + struct.pack("<I", 6) + b"INFOxy"
    check_same(changed(path, lambda content: content + notes), expected)
    check_same(changed(path, lambda content: content + b"TAG" + bytes(125)), expected)
    empty = changed(path, lambda c: struct.pack_into("<I", c, 40, 0) or c[:44] + notes)
    with pytest.raises(AudioError, match="no samples"):
        audio.read(empty, RATE)


def set_flac_total(content: bytearray, total: int) -> None:
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | total
    content[18:26] = packed.to_bytes(8, "big")


@pytest.mark.parametrize("total", [0, 1, SECONDS * RATE // 2])
def test_a_flac_file_is_as_long_as_its_frames(written, total: int) -> None:
    path = written("sound.flac")
    expected = decoded(path)
    check_same(changed(path, lambda content: set_flac_total(content, total)), expected)


def test_a_flac_file_that_promises_more_than_its_frames_hold_is_refused(written) -> None:
    lied = changed(written("sound.flac"), lambda content: set_flac_total(content, 2 * SECONDS * RATE))
    with pytest.raises(AudioError, match=r"promises 96000 samples, its last frame ends with 48000"):
        audio.read(lied, RATE)


def test_a_length_that_so_few_bytes_cannot_hold_is_not_believed(written) -> None:
    def claim(content: bytearray) -> None:
        set_flac_total(content, 2**36 - 1)
        del content[200:]

    path = changed(written("sound.flac"), claim)
    for length in (lambda: audio.info(path).samples or None, lambda: audio.seconds(path)):
        try:
            assert length() is None
        except AudioError as reason:
            assert "truncated" in str(reason) or "damaged" in str(reason)


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
def test_recordings_that_follow_each_other_in_one_file_are_all_read(written, suffix: str) -> None:
    path = written(f"sound.{suffix}")
    expected = decoded(path)
    check_same(changed(path, lambda content: content + content), np.tile(expected, 2), tolerance=1e-6)


def test_links_of_different_rates_are_named(written) -> None:
    other = written("other.ogg", rate=22_050).read_bytes()
    with pytest.raises(AudioError, match=r"several recordings of different kinds .*16000 Hz.*22050 Hz.*split it"):
        audio.read(changed(written("sound.ogg"), lambda content: content + other), RATE)


def ogg_sum(page: bytes) -> int:
    """CRC-32 of a page as Ogg wants it: polynomial 0x04c11db7, neither reflected nor inverted."""
    total = 0
    for byte in page:
        total ^= byte << 24
        for _ in range(8):
            total = (total << 1 ^ (0x04C11DB7 if total >> 31 else 0)) & 0xFFFFFFFF
    return total


def test_an_ogg_stream_need_not_say_that_it_ends(written) -> None:
    path = written("sound.ogg")
    expected = decoded(path)

    def no_end(content: bytearray) -> None:
        page = content.rindex(b"OggS")
        content[page + 5] &= ~4
        content[page + 22 : page + 26] = bytes(4)
        struct.pack_into("<I", content, page + 22, ogg_sum(content[page:]))

    check_same(changed(path, no_end), expected, tolerance=1e-6)


def frames_of(content: bytes) -> list[int]:
    """Offsets of the frames of an MPEG-2 file of 16 kHz, by its own table of bit rates."""
    at, offsets = 0, []
    while at + 4 <= len(content) and content[at] == 0xFF:
        kbps = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[content[at + 2] >> 4]
        offsets.append(at)
        at += 72 * kbps * 1000 // RATE + (content[at + 2] >> 1 & 1)
    return offsets


@pytest.fixture
def mp3(written) -> Path:
    return written("sound.mp3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE")


def test_an_mp3_file_without_its_first_frame_is_read_to_its_end(mp3: Path) -> None:
    expected = decoded(mp3)
    content = mp3.read_bytes()
    frames = frames_of(content)
    bare = changed(mp3, lambda c: c[frames[1] :])
    assert audio.info(bare).samples >= len(expected)
    received = audio.read(bare, RATE)
    assert len(received) == audio.info(bare).samples
    np.testing.assert_array_equal(np.concatenate(list(audio.stream(bare, RATE))), received)
    # The delay of encoder and decoder is known from the first frame alone.
    shift = int(np.argmax(np.correlate(received, expected[RATE : RATE + 8000], mode="valid"))) - RATE
    assert 0 < shift < 3000
    np.testing.assert_allclose(
        received[shift : shift + len(expected)][RATE : 2 * RATE], expected[RATE : 2 * RATE], atol=2e-2
    )


def test_mp3_files_that_were_put_together_are_read_to_the_end(mp3: Path) -> None:
    tag = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + b"\xff\xfb\x90\0" * 32
    for between in (b"", tag):
        twice = changed(mp3, lambda content, b=between: content + b + content)
        received = audio.read(twice, RATE)
        assert len(received) == audio.info(twice).samples > 2 * SECONDS * RATE - 1200
        loud = np.abs(received) > 0.1
        assert loud[: 3 * RATE].sum() == pytest.approx(loud[3 * RATE :].sum(), rel=0.02)


def test_an_mp3_file_that_lacks_frames_of_those_it_promises_is_truncated(mp3: Path) -> None:
    frames = frames_of(mp3.read_bytes())
    cut = changed(mp3, lambda content: content[: frames[-5]])
    with pytest.raises(AudioError, match=r"promises \d+ frames, \d+ are there"):
        audio.read(cut, RATE)


def mp2(sound: np.ndarray, rate: int, bitrate: int, path: Path) -> bytes:
    """MPEG layer II by FFmpeg's encoder."""
    av = pytest.importorskip("av", reason="PyAV encodes layer II")
    with av.open(str(path), "w", format="mp2") as container:
        stream = container.add_stream("mp2", rate=rate)
        stream.layout, stream.bit_rate = "mono", bitrate
        frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for source in (frame, None):
            for packet in stream.encode(source):
                container.mux(packet)
    return path.read_bytes()


def decoded_by_ffmpeg(path: Path) -> np.ndarray:
    av = pytest.importorskip("av", reason="PyAV decodes layers I and II")
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]


@pytest.mark.parametrize(("rate", "bitrates"), [(44_100, (192, 32)), (32_000, (48, 192)), (22_050, (144, 16))])
@pytest.mark.parametrize("name", ["sound.mp2", "sound.mp3"])
def test_layer_2_files_are_as_long_as_their_frames(
    tmp_path: Path, sound: np.ndarray, rate: int, bitrates: tuple[int, int], name: str
) -> None:
    first, second = (mp2(0.5 * sound, rate, 1000 * bitrate, tmp_path / "part.mp2") for bitrate in bitrates)
    tag, count = b"ID3\x04\0\0\0\0\0\x40" + bytes(64), -(-len(sound) // 1152)
    path = tmp_path / name
    for content, frames in ((first, count), (first + second, 2 * count), (tag + first + second[:-9], 2 * count - 1)):
        path.write_bytes(content)
        received = audio.read(path, rate)
        assert len(received) == audio.info(path).samples == frames * 1152
        np.testing.assert_allclose(received, decoded_by_ffmpeg(path)[: len(received)] / 32768, atol=1e-4)
        np.testing.assert_array_equal(np.concatenate(list(audio.stream(path, rate))), received)


# Version, layer and sampling rate of a header; bit rates by index, kbit/s; bytes of a frame by the standard's formula.
_LAYERS = {
    "layer 1": (
        b"\xff\xff",
        44_100,
        {1: 32, 9: 288, 14: 448},
        lambda kbps, pad: (12_000 * kbps // 44_100 + pad) * 4,
        384,
    ),
    "layer 1, half the rate": (
        b"\xff\xf7",
        22_050,
        {1: 32, 9: 144, 14: 256},
        lambda k, pad: (12_000 * k // 22_050 + pad) * 4,
        384,
    ),
    "layer 2": (b"\xff\xfd", 44_100, {1: 32, 9: 160, 14: 384}, lambda kbps, pad: 144_000 * kbps // 44_100 + pad, 1152),
    "layer 2, half the rate": (
        b"\xff\xf5",
        22_050,
        {1: 8, 9: 80, 14: 160},
        lambda kbps, pad: 144_000 * kbps // 22_050 + pad,
        1152,
    ),
}


@pytest.mark.parametrize("layer", _LAYERS)
def test_frames_of_layers_1_and_2_are_walked_whatever_their_size(tmp_path: Path, layer: str) -> None:
    beginning, rate, bitrates, length, samples = _LAYERS[layer]
    # No bits are allocated to any band: silence.
    frames = [
        (beginning + bytes([index << 4 | pad << 1, 0xC0])).ljust(length(kbps, pad), b"\0")
        for index, kbps in sorted(bitrates.items(), reverse=True)
        for pad in (0, 1) * 20
    ]
    path = tmp_path / "silence.mp3"
    path.write_bytes(b"".join(frames))
    assert audio.info(path) == audio.AudioInfo(rate, 1, len(frames) * samples, len(frames) * samples / rate)
    np.testing.assert_array_equal(audio.read(path, rate), np.zeros(len(frames) * samples, np.float32))
    path.write_bytes(b"".join(frames)[:-1])
    assert len(audio.read(path, rate)) == (len(frames) - 1) * samples


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("flac_unknown_total.flac", 3.0),
        ("vbr_without_xing_10s.mp3", 10.02),
        ("vbr_with_xing_10s.mp3", 10.0),
        ("cbr_without_info_3s.mp3", 3.02),
        ("cbr_with_info_3s.mp3", 3.0),
        ("ogg_two_links_6s.ogg", 6.0),
        ("wav_data_size_is_file_size.wav", 3.0),
        ("wav_data_size_0.wav", 3.0),
    ],
)
def test_the_known_files_are_whole(shared, name: str, seconds: float) -> None:
    path = shared("faults") / name
    rate = audio.info(path).sample_rate
    received = audio.read(path, rate)
    assert len(received) / rate == pytest.approx(seconds, abs=0.005)
    np.testing.assert_array_equal(np.concatenate(list(audio.stream(path, rate))), received)
    assert audio.seconds(path) == len(received) / rate
    assert np.abs(received[-rate // 2 :]).max() > 0 or name.startswith("cbr")


MEMORY = """
import re, sys
from pathlib import Path
from audiotag.audio import layout
from audiotag.audio.decoders import links_of
layout._WALKED = 4 << 20
def largest():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = largest()
print(len(links_of(sys.argv[1], Path(sys.argv[1]).stat().st_size, 0)), largest() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the largest memory of a process is read from /proc")
@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_what_of_a_long_file_was_walked_is_not_kept_in_memory(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).normal(scale=0.1, size=(30 * 48_000, 2))
    soundfile.write(tmp_path / f"sound.{suffix}", noise, 48_000, compression_level=0.0)
    content = (tmp_path / f"sound.{suffix}").read_bytes()
    times = (60 << 20) // len(content)
    (tmp_path / f"long.{suffix}").write_bytes(times * content)
    walk = [sys.executable, "-c", MEMORY, str(tmp_path / f"long.{suffix}")]
    done = subprocess.run(walk, capture_output=True, text=True, check=True)
    links, grown = map(int, done.stdout.split())
    assert links == (times if suffix == "ogg" else 1)
    assert grown < 30 << 10  # kB, of 60 MB
