"""Pictures and sounds inside the page, read back as a browser would."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from audiotag.report.html.media import address, mp3, png


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("rate", "written"), [(32000, 32000), (16000, 16000), (10000, 11025), (96000, 48000)])
def test_an_mp3_sounds_as_the_waveform(rate, written) -> None:
    samples, found = soundfile.read(io.BytesIO(mp3(tone(rate), rate)))
    assert found == written
    assert abs(len(samples) / found - 1) < 0.15
    middle = samples[found // 4 : 3 * found // 4]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.fft.rfftfreq(len(middle), 1 / found)[spectrum.argmax()] == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_an_mp3_of_a_long_recording_is_its_beginning() -> None:
    samples, rate = soundfile.read(io.BytesIO(mp3(tone(8000, 40.0), 8000)))
    assert 29.5 < len(samples) / rate < 31


def test_a_picture_has_time_to_the_right_and_low_bands_below() -> None:
    log_mel = np.zeros((100, 40), np.float32)
    log_mel[75:, :10] = 1.0
    picture = imread(io.BytesIO(png(log_mel)))[..., :3].sum(axis=2)
    assert picture.shape == (40, 100)
    assert picture[30:, 75:].min() > picture[:30].max() and picture[30:, 75:].min() > picture[:, :75].max()


def test_a_long_picture_is_averaged_in_time() -> None:
    log_mel = np.repeat(np.arange(1000.0)[:, None], 8, axis=1)
    picture = imread(io.BytesIO(png(log_mel)))[..., :3].sum(axis=2)
    assert picture.shape == (8, 334)
    assert (np.diff(picture[0, 5:-5]) >= -0.02).all()


@pytest.mark.parametrize("value", [0.0, -7.5])
def test_a_picture_of_nothing_is_one_colour(value) -> None:
    picture = imread(io.BytesIO(png(np.full((5, 4), value, np.float32))))
    assert (picture == picture[0, 0]).all()


def test_an_address_holds_the_file() -> None:
    kind, _, content = address("audio/mpeg", mp3(tone(16000), 16000)).partition(",")
    assert kind == "data:audio/mpeg;base64"
    assert soundfile.read(io.BytesIO(base64.b64decode(content)))[1] == 16000
