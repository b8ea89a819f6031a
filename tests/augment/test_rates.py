"""The named policies at low and high sample rates."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag import augment
from audiotag.augment import presets
from audiotag.errors import AudiotagError

NAMES = ("light", "standard", "strong")


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
@pytest.mark.parametrize("name", NAMES)
def test_a_named_policy_gives_sound_at_any_rate(name: str, rate: int) -> None:
    policy = augment.policy(name)
    waveform = 0.1 * np.random.default_rng(0).standard_normal(rate // 4).astype(np.float32)
    for clip in range(30):
        view, _ = policy.apply(waveform, rate, seed=0, clip_id=f"clip {clip}", variant=1)
        assert view.shape == waveform.shape
        assert np.isfinite(view).all()
        assert np.abs(view).max() <= 1


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_the_equaliser_stays_within_its_gains_where_its_bands_reach_beyond_half_the_rate(rate: int) -> None:
    gain = 6.0
    step = ("SevenBandParametricEQ", {"min_gain_db": -gain, "max_gain_db": gain, "p": 1.0})
    equaliser = presets.make(step, rate, {})
    impulse = np.zeros(rate, np.float32)
    impulse[rate // 2] = 1.0
    for _ in range(30):
        response = np.abs(np.fft.rfft(equaliser(impulse, rate)))
        assert 20 * np.log10(response.max()) <= 7 * gain


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_below_8_khz_is_refused(name: str) -> None:
    with pytest.raises(AudiotagError, match=f"'{name}' is made for sample rates from 8000 Hz, received 4000"):
        augment.policy(name).apply(np.zeros(4000, np.float32), 4000, seed=0, clip_id="clip", variant=1)
