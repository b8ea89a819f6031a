"""Sound files: every format and part, every reason to refuse one; padding and windows."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from audiotag import audio
from audiotag.errors import AudioError, AudiotagError

RATE = 44_100


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Two seconds of loud low and quiet high noise, stereo: (samples, 2), float32."""
    noise = np.random.default_rng(0).normal(size=(2 * RATE, 2))
    return (1e-3 * np.cumsum(noise, axis=0) + 0.03 * noise).clip(-1, 1).astype(np.float32)


@pytest.fixture(params=["wav", "flac", "ogg", "mp3", "aiff"])
def recording(request: pytest.FixtureRequest, tmp_path: Path, sound: np.ndarray) -> Path:
    path = tmp_path / f"sound.{request.param}"
    soundfile.write(path, sound, RATE)
    return path


def patched(path: Path, offset: int, layout: str, value: int) -> Path:
    """A copy of a file with one number of its header changed."""
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, offset, value)
    copy = path.with_name(f"patched{path.suffix}")
    copy.write_bytes(content)
    return copy


def test_every_format_is_read_as_soundfile_and_soxr_read_it(recording: Path) -> None:
    decoded, _ = soundfile.read(recording, dtype="float32")
    expected = soxr.resample(decoded.mean(axis=1), RATE, 32_000, quality="HQ")
    received = audio.read(recording, 32_000)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, atol=1e-6)


@pytest.mark.parametrize("rate", [RATE, 32_000, 16_001, 48_000])
def test_a_part_equals_the_same_part_of_the_whole(recording: Path, rate: int) -> None:
    whole = audio.read(recording, rate)
    for start, end in [(0.0, 0.3), (0.7123, 1.2), (1.9, None), (1.95, 7.0), (0.5, 0.5001)]:
        part = audio.read(recording, rate, start=start, end=end)
        expected = whole[round(start * rate) : None if end is None else round(end * rate)]
        assert part.shape == expected.shape
        np.testing.assert_allclose(part, expected, atol=5e-6)


def test_a_tone_keeps_its_frequency_and_level_at_another_rate(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * time), RATE, subtype="FLOAT")
    received = audio.read(tmp_path / "tone.wav", 16_000, start=0.25, end=0.75)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * (0.25 + np.arange(8000) / 16_000))
    np.testing.assert_allclose(received, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("subtype", "tolerance"), [("PCM_U8", 2**-6), ("PCM_16", 2**-14), ("PCM_24", 2**-22), ("FLOAT", 0), ("DOUBLE", 0)]
)
def test_every_depth_has_the_same_full_scale(tmp_path: Path, sound: np.ndarray, subtype: str, tolerance: float) -> None:
    soundfile.write(tmp_path / "sound.wav", sound[:, 0], RATE, subtype=subtype)
    np.testing.assert_allclose(audio.read(tmp_path / "sound.wav", RATE), sound[:, 0], atol=tolerance)


def test_channels_are_averaged(tmp_path: Path, sound: np.ndarray) -> None:
    channels = np.concatenate([sound, -sound, sound[:, :1]], axis=1)
    soundfile.write(tmp_path / "five.wav", channels, RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio.read(tmp_path / "five.wav", RATE), sound[:, 0] / 5, atol=1e-6)
    assert audio.info(tmp_path / "five.wav") == audio.AudioInfo(RATE, 5, 2 * RATE, 2.0)


def bursts(seconds: float, rate: int, channels: int) -> np.ndarray:
    """Noise that comes and goes, so that encoders change their blocks and save bits for later."""
    random = np.random.default_rng(channels)
    loudness = np.repeat(random.random(int(seconds * 10) + 1) ** 6, rate // 10)[: int(seconds * rate)]
    return (0.3 * loudness[:, None] * random.normal(size=(len(loudness), channels))).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize(("suffix", "channels"), [("ogg", 1), ("ogg", 2), ("mp3", 2)])
def test_a_part_is_exact_wherever_decoding_begins(tmp_path: Path, suffix: str, channels: int) -> None:
    path, rate = tmp_path / f"long.{suffix}", 16_000
    soundfile.write(path, bursts(60, rate, channels), rate)
    if suffix == "ogg":  # one stream after the other
        soundfile.write(tmp_path / "more.ogg", bursts(40, rate, channels)[::-1], rate)
        path.write_bytes(path.read_bytes() + (tmp_path / "more.ogg").read_bytes())
    whole = audio.read(path, rate)
    for first in np.random.default_rng(2).integers(0, len(whole), 25).tolist():
        part = audio.read(path, rate, start=first / rate, end=first / rate + 0.5)
        np.testing.assert_allclose(part, whole[first : first + rate // 2], rtol=0, atol=0 if suffix == "ogg" else 1e-6)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_a_long_file_is_not_decoded_for_a_short_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path, rate = tmp_path / f"long.{suffix}", 16_000
    soundfile.write(path, bursts(120, rate, 1), rate)
    decoded = []
    original = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile,
        "read",
        lambda self, frames, **rest: decoded.append(frames) or original(self, frames, **rest),
    )
    assert len(audio.read(path, 32_000, start=110, end=111)) == 32_000
    assert sum(decoded) < 22 * rate


@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_cut_off_file_is_truncated(recording: Path, share: float) -> None:
    content = recording.read_bytes()
    recording.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AudioError, match="truncated"):
        audio.read(recording, 16_000)


@pytest.mark.parametrize("content", [b"these are words\n" * 500, bytes(4000), b"RIFF\x00\x00", b"fLaC", b"\xff\xfb"])
@pytest.mark.parametrize("suffix", audio.SUFFIXES[:6])
def test_what_is_not_audio_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"words{suffix}"
    path.write_bytes(content)
    with pytest.raises(AudioError, match="not audio"):
        audio.read(path, 16_000)


def test_missing_empty_and_soundless_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "soundless.wav", np.zeros(0), 16_000)
    (tmp_path / "folder.wav").mkdir()
    reasons = {"missing": "missing", "empty": "empty file", "soundless": "no samples", "folder": "cannot be opened"}
    for name, reason in reasons.items():
        with pytest.raises(AudioError, match=reason) as raised:
            audio.read(tmp_path / f"{name}.wav", 16_000)
        assert str(tmp_path) not in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "reason"),
    [
        (24, "<I", 0, "absurd header: sample rate 0 Hz"),
        (24, "<I", 99, "absurd header: sample rate 99 Hz, not in 100 to 768000"),
        (24, "<I", 768_001, "absurd header: sample rate 768001 Hz"),
        (22, "<H", 0, "absurd header: 0 channels"),
        (22, "<H", 4000, "absurd header: 4000 channels"),
        (40, "<I", 0x00FFFF00, "truncated"),
        (40, "<I", 0x60000000, "truncated"),
    ],
)
def test_an_absurd_wav_header_is_refused(
    tmp_path: Path, sound: np.ndarray, offset: int, layout: str, value: int, reason: str
) -> None:
    soundfile.write(tmp_path / "sound.wav", sound[:, 0], RATE, subtype="PCM_16")
    with pytest.raises(AudioError, match=reason):
        audio.read(patched(tmp_path / "sound.wav", offset, layout, value), 16_000)


def test_a_recorder_that_did_not_know_the_length_is_read_to_the_end(tmp_path: Path, sound: np.ndarray) -> None:
    soundfile.write(tmp_path / "sound.wav", sound[:, 0], RATE, subtype="PCM_16")
    whole = audio.read(tmp_path / "sound.wav", RATE)
    streamed = patched(tmp_path / "sound.wav", 40, "<I", 0xFFFFFFFF)
    np.testing.assert_array_equal(audio.read(streamed, RATE), whole)


def test_a_header_that_promises_terabytes_takes_no_memory(tmp_path: Path, sound: np.ndarray) -> None:
    soundfile.write(tmp_path / "sound.flac", sound[:, 0], RATE)
    huge = patched(tmp_path / "sound.flac", 22, ">I", 0xFFFFFFFF)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AudioError, match="truncated"):
        audio.read(huge, RATE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_are_refused(tmp_path: Path, value: float) -> None:
    samples = np.zeros((1000, 2), np.float32)
    samples[500, 1] = value
    soundfile.write(tmp_path / "broken.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN or infinite"):
        audio.read(tmp_path / "broken.wav", 16_000)
    assert len(audio.read(tmp_path / "broken.wav", 16_000, end=0.02)) == 320


@pytest.mark.parametrize(("start", "end"), [(-1, None), (1, 1), (2, 1), (np.nan, None), (0, np.nan)])
def test_a_part_must_have_a_beginning_before_its_end(tmp_path: Path, start: float, end: float | None) -> None:
    with pytest.raises(AudiotagError, match="0 <= start < end"):
        audio.read(tmp_path / "any.wav", 16_000, start=start, end=end)


def test_a_part_past_the_end_is_refused(tmp_path: Path) -> None:
    audio.write(tmp_path / "short.wav", np.zeros(16_000), 16_000)
    with pytest.raises(AudioError, match="lasts 1 s and the part starts at 1 s"):
        audio.read(tmp_path / "short.wav", 16_000, start=1)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".wav", 0), (".flac", 2**-22)])
def test_what_was_written_is_read_again(tmp_path: Path, sound: np.ndarray, suffix: str, tolerance: float) -> None:
    audio.write(tmp_path / f"out{suffix}", sound[:, 0], RATE)
    np.testing.assert_allclose(audio.read(tmp_path / f"out{suffix}", RATE), sound[:, 0], atol=tolerance)
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]


def test_what_a_format_cannot_hold_is_not_written(tmp_path: Path) -> None:
    for name, samples in {"a.mp3": [0.0], "b.flac": [1.5], "c.wav": [np.nan], "d.wav": [[0.0]]}.items():
        with pytest.raises(AudiotagError):
            audio.write(tmp_path / name, np.array(samples), 16_000)
    assert not list(tmp_path.iterdir())


@given(length=st.integers(1, 50), samples=st.integers(1, 200), pad=st.sampled_from(["repeat", "zero"]))
def test_a_fitted_waveform_has_the_wanted_length_and_content(length: int, samples: int, pad: str) -> None:
    waveform = np.arange(1, length + 1, dtype=np.float32)
    fitted = audio.fit(waveform, samples, pad)
    beyond = [waveform[i % length] if pad == "repeat" else 0.0 for i in range(length, samples)]
    np.testing.assert_array_equal(fitted, np.concatenate([waveform[:samples], beyond]))
    assert fitted.dtype == np.float32


@given(samples=st.integers(0, 500), window=st.integers(1, 100), hop=st.integers(1, 100))
def test_windows_lie_inside_and_reach_the_end_but_for_two_percent_of_one(samples: int, window: int, hop: int) -> None:
    starts = audio.windows(samples, window, hop)
    assert starts[0] == 0 and starts == sorted(set(starts))
    assert all(start % hop == 0 for start in starts[:-1])
    rest = samples - window - starts[-1]
    assert rest <= 0 or (rest < 0.02 * window and starts[-1] % hop == 0)
    assert starts[-1] <= max(samples - window, 0)
    if hop <= window:
        covered = {position for start in starts for position in range(start, start + window)}
        assert covered >= set(range(samples - max(rest, 0)))


@pytest.mark.parametrize("call", [lambda: audio.windows(10, 0, 1), lambda: audio.windows(10, 1, 0)])
def test_windows_need_a_length_and_a_hop(call) -> None:
    with pytest.raises(AudiotagError, match="at least one sample"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: audio.fit(np.zeros(0), 5),
        lambda: audio.fit(np.zeros(5), 0),
        lambda: audio.fit(np.zeros(5), 9, "mirror"),
        lambda: audio.fit(np.zeros((5, 2)), 9),
    ],
)
def test_a_waveform_that_cannot_be_fitted_is_refused(call) -> None:
    with pytest.raises(AudiotagError):
        call()
