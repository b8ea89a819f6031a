"""Whatever a file holds or a decoder raises costs that file, with a reason; what is odd but usable is said."""

from __future__ import annotations

import sys
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import audio
from audiotag.audio import decoders
from audiotag.errors import AudioError, AudiotagError, AudioWarning

RATE = 16_000


def noise(channels: int = 1, seconds: float = 1.0) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.5, 0.5, (round(seconds * RATE), channels)).astype(np.float32)


def wav(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("broken\npipe"), ValueError("x"), AssertionError()])
@pytest.mark.parametrize("function", ["__init__", "read", "seek"])
def test_whatever_a_decoder_raises_is_a_reason_for_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, function: str
) -> None:
    path = wav(tmp_path / "sound.wav", noise())

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(soundfile.SoundFile, function, fail)
    with pytest.raises(AudioError) as raised:
        audio.read(path, RATE, start=0.5)
    assert type(error).__name__ in str(raised.value) and "\n" not in str(raised.value)
    assert "sound.wav" in str(raised.value)


@pytest.mark.parametrize(
    ("value", "remedy"), [(29_491.0, "divide its samples by 32768"), (2e9, "2147483648"), (1e20, "repair or leave")]
)
def test_samples_far_beyond_full_scale_are_a_reason(tmp_path: Path, value: float, remedy: str) -> None:
    samples = noise()
    samples[700] = -value
    path = wav(tmp_path / "loud.wav", samples)
    for read in (lambda: audio.read(path, RATE), lambda: list(audio.stream(path, 8000))):
        with pytest.raises(AudioError, match=remedy) as raised:
            read()
        assert f"{value:g}" in str(raised.value)


def test_floats_a_little_beyond_full_scale_are_said_and_taken_as_they_are(tmp_path: Path) -> None:
    path = wav(tmp_path / "hot.wav", 4 * noise())
    with pytest.warns(AudioWarning, match=r"hot\.wav: float samples beyond full scale"):
        received = audio.read(path, RATE)
    np.testing.assert_array_equal(received, 4 * noise()[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audio.read(wav(tmp_path / "good.wav", noise()), RATE)


def test_where_the_mean_cancels_the_louder_channel_is_taken_and_said(tmp_path: Path) -> None:
    left = noise()
    opposite = wav(tmp_path / "opposite.wav", np.hstack([0.9 * left, -left]))
    with pytest.warns(AudioWarning, match=r"opposite\.wav: the mean of its 2 channels cancels .* channel 2"):
        received = audio.read(opposite, RATE)
    np.testing.assert_array_equal(received, -left[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for channel, expected in (("mean", -0.05 * left), ("left", 0.9 * left), ("right", -left), ("1", 0.9 * left)):
            part = audio.read(audio.Recording(opposite, channel), RATE, start=0.25)
            np.testing.assert_allclose(part, expected[4000:, 0], atol=1e-6)
        quiet = wav(tmp_path / "quiet.wav", np.hstack([0.1 * noise(3)[:, :1], noise(3)[:, 1:]]))
        np.testing.assert_allclose(audio.read(quiet, RATE), quiet_mean(quiet), atol=1e-6)
        loudest = int(np.argmax(np.square(soundfile.read(quiet)[0]).sum(axis=0)))
        received = audio.read(audio.Recording(quiet, "loudest"), RATE)
        np.testing.assert_array_equal(received, soundfile.read(quiet, dtype="float32")[0][:, loudest])


def quiet_mean(path: Path) -> np.ndarray:
    return soundfile.read(path)[0].mean(axis=1)


def test_silence_before_the_sound_says_nothing_about_channels(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros((40 * RATE, 1), np.float32), noise()])
    path = wav(tmp_path / "late.wav", np.hstack([sound, -sound]))
    with pytest.warns(AudioWarning, match="cancels"):
        assert np.abs(audio.read(path, RATE)).max() > 0.4


def test_channels_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = wav(tmp_path / "stereo.wav", noise(2))
    with pytest.raises(AudioError, match="has 2 channels, received channel 3"):
        audio.read(audio.Recording(path, "3"), RATE)
    for channel in ("middle", "0", "-1", ""):
        with pytest.raises(AudiotagError, match="channel must be mean, left, right, loudest or a number"):
            audio.Recording(path, channel)


def test_a_low_rate_is_said(tmp_path: Path) -> None:
    path = wav(tmp_path / "telephone.wav", noise())
    with pytest.warns(AudioWarning, match="at 16 kHz have nothing above 8 kHz to hear, where 16 kHz could be"):
        audio.read(path, 32_000)


def test_a_recording_that_is_played_slower_keeps_its_own_times(tmp_path: Path) -> None:
    """A tone of 40 kHz, ten times slower, is one of 4 kHz."""
    rate = 192_000
    time = np.arange(2 * rate) / rate
    soundfile.write(tmp_path / "bat.wav", 0.5 * np.sin(2 * np.pi * 40_000 * time) * (time >= 1.0), rate)
    bat = audio.Recording(tmp_path / "bat.wav", speed=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)
        received = audio.read(bat, 16_000, start=1.1, end=1.2)
        whole = np.concatenate(list(audio.stream(bat, 16_000)))
    expected = 0.5 * np.sin(2 * np.pi * 4000 * (np.arange(16_000) / 16_000) + 2 * np.pi * 40_000 * 1.1)
    np.testing.assert_allclose(received[100:-100], expected[100:-100], atol=1e-3)
    assert len(whole) == 20 * 16_000
    np.testing.assert_allclose(whole[11 * 16_000 : 12 * 16_000], received, atol=1e-4)
    for speed in (0, -1, np.nan, 1e9):
        with pytest.raises(AudiotagError, match="speed must lie between"):
            audio.Recording(tmp_path / "bat.wav", speed=speed)


FOREIGN = {
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "mkv": ("matroska", "flac"),
    "wv": ("wv", "wavpack"),
}


def encode(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Write by FFmpeg, whose encoders know formats that libsndfile does not: (samples,), float32."""
    av = pytest.importorskip("av")
    container, codec = FOREIGN[path.suffix[1:]]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for frames in (resampler.resample(frame), resampler.resample(None)):
            for part in frames:
                file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["m4a", "mp4", "webm", "mkv", "wv"])
def test_formats_of_phones_and_players_are_read_through_pyav(tmp_path: Path, suffix: str) -> None:
    rate = 48_000
    time = np.arange(2 * rate) / rate
    tone = (0.4 * np.sin(2 * np.pi * 440 * time) * (time >= 1.0)).astype(np.float32)
    path = encode(tmp_path / f"tone.{suffix}", tone, rate)
    info = audio.info(path)
    assert (info.sample_rate, info.channels, info.samples, info.seconds) == (rate, 1, None, None)
    received = audio.read(path, rate)
    assert audio.seconds(path) == len(received) / rate == pytest.approx(2.0, abs=0.05)
    np.testing.assert_array_equal(np.concatenate(list(audio.stream(path, rate))), received)
    np.testing.assert_array_equal(audio.read(path, rate, start=0.5, end=1.5), received[rate // 2 : 3 * rate // 2])
    spectrum = np.abs(np.fft.rfft(received[int(1.2 * rate) : int(1.7 * rate)]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)
    assert np.abs(received[int(1.2 * rate) : int(1.7 * rate)]).max() == pytest.approx(0.4, abs=0.03)
    assert np.abs(received[: int(0.8 * rate)]).max() < 0.01
    with pytest.raises(AudioError, match=r"lasts 2.* s and the part starts at 3 s"):
        audio.read(path, rate, start=3.0)


@pytest.mark.parametrize("suffix", ["m4a", "webm", "wv", "mkv"])
def test_without_pyav_such_a_file_is_named_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = encode(tmp_path / f"tone.{suffix}", noise(seconds=0.5)[:, 0], 48_000 if suffix == "webm" else RATE)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match=r'pip install "audiotag\[formats\]"'):
        audio.info(path)


def test_a_file_of_pictures_and_one_that_is_damaged_are_reasons(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "silent.mkv"), "w") as file:
        stream = file.add_stream("mjpeg", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuvj420p"
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        file.mux(stream.encode(None))
    with pytest.raises(AudioError, match="holds no sound"):
        audio.info(tmp_path / "silent.mkv")
    whole = encode(tmp_path / "tone.m4a", noise(seconds=2.0)[:, 0], RATE).read_bytes()
    (tmp_path / "cut.m4a").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "words.m4a").write_text("these are words\n" * 100)
    for name in ("cut.m4a", "words.m4a"):
        with pytest.raises(AudioError, match=r"not audio|truncated|damaged|holds no sound"):
            audio.read(tmp_path / name, RATE)


def test_a_name_is_what_a_decoder_is_chosen_by_only_where_the_content_says_nothing(tmp_path: Path) -> None:
    wav(tmp_path / "1.wav", noise()).rename(tmp_path / "1.mp4")
    np.testing.assert_array_equal(audio.read(tmp_path / "1.mp4", RATE), noise()[:, 0])


def test_a_file_that_was_replaced_is_looked_at_again(tmp_path: Path) -> None:
    path = wav(tmp_path / "sound.wav", noise())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match="truncated"):
        audio.read(path, RATE)
    path.write_bytes(whole)
    assert len(audio.read(path, RATE)) == RATE
    assert decoders.links_of.cache_info().maxsize == 4096


@pytest.mark.parametrize("suffix", ["webm", "mkv"])
def test_what_is_left_of_a_cut_recording_is_read_and_said(tmp_path: Path, suffix: str) -> None:
    whole = encode(tmp_path / f"whole.{suffix}", noise(seconds=6.0)[:, 0], 48_000 if suffix == "webm" else RATE)
    content = whole.read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.warns(AudioWarning, match=r"its header promises .* s can be decoded"):
        received = audio.read(tmp_path / f"cut.{suffix}", RATE)
    assert 0 < len(received) < 0.7 * len(audio.read(whole, RATE))
