"""Pictures and sounds of mistakes, read back as a browser would."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from audiotag.evaluation.sections.mistakes import Mistake
from audiotag.report.html.sounds import exhibits, mp3, png


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def mistake(seconds: float = 0.5, **changes) -> Mistake:
    log_mel = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    given = {"waveform": tone(16000, seconds), "sample_rate": 16000, "log_mel": log_mel} | changes
    return Mistake("clip", "miss", 0, "dog", 0.1, 0.5, ("dog",), (("cat", 0.9),), **given)


@pytest.mark.parametrize(("rate", "written"), [(32000, 32000), (16000, 16000), (10000, 11025), (96000, 48000)])
def test_an_mp3_sounds_as_the_waveform(rate, written) -> None:
    heard, found = soundfile.read(io.BytesIO(mp3(tone(rate), rate)))
    assert found == written
    assert abs(len(heard) / found - 1) < 0.15
    middle = heard[found // 4 : 3 * found // 4]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.fft.rfftfreq(len(middle), 1 / found)[spectrum.argmax()] == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_an_mp3_of_a_long_recording_is_its_beginning() -> None:
    heard, rate = soundfile.read(io.BytesIO(mp3(tone(8000, 40.0), 8000)))
    assert 29.5 < len(heard) / rate < 31


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


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    mistakes = tuple(mistake(seconds) for seconds in (0.5, 20.0, 0.5))
    whole, nothing_left_out = exhibits(mistakes)
    assert nothing_left_out == 0 and all(shown.picture and shown.sound for shown in whole)
    sizes = [len(shown.picture) + len(shown.sound) for shown in whole]
    shown, left_out = exhibits(mistakes, most_bytes=sizes[0] + sizes[2])
    assert left_out == 1
    assert [bool(one.picture) for one in shown] == [bool(one.sound) for one in shown] == [True, False, True]
    assert [one.mistake for one in shown] == list(mistakes)


def test_a_mistake_without_waveform_or_log_mel_is_shown_without() -> None:
    (mute, blind), _ = exhibits((mistake(waveform=None, sample_rate=0), mistake(log_mel=None)))
    assert mute.sound == "" and ">frame<" in mute.picture
    assert blind.picture == "" and blind.sound.startswith("data:audio/mpeg;base64,")
    assert soundfile.read(io.BytesIO(base64.b64decode(blind.sound.partition(",")[2])))[1] == 16000
