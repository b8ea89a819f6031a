"""A sound made from a log-mel has about that log-mel, and silence stays silent."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.frontend import PRESETS, log_mel, waveform


@pytest.mark.parametrize("name", ["efficientat", "yamnet", "librosa"])
def test_the_log_mel_of_the_sound_is_about_the_one_it_was_made_from(name: str) -> None:
    config = PRESETS[name]
    seconds = np.arange(config.sample_rate) / config.sample_rate
    sweep = 0.3 * np.sin(2 * np.pi * (300 * seconds + 900 * seconds**2))
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(seconds))
    original = log_mel((sweep + noise).astype(np.float32), config)
    sound = waveform(original, config)
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(0.9, rel=1e-3)
    again = log_mel(sound, config)
    frames = min(len(original), len(again))
    inside = slice(3, frames - 3)
    # The loudest band of a frame lies where it lay.
    distance = np.abs(original[inside].argmax(1) - again[inside].argmax(1))
    assert np.mean(distance <= 1) > 0.9
    assert np.corrcoef(original[inside].ravel(), again[inside].ravel())[0, 1] > 0.85


def test_silence_stays_silent() -> None:
    config = PRESETS["efficientat"]
    sound = waveform(log_mel(np.zeros(16_000, np.float32), config), config)
    assert not sound.any()
