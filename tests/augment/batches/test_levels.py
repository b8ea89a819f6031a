"""Gain and FilterAugment: equal to the log-mel of an amplified waveform, and to filters drawn by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from audiotag.augment.batches import FilterAugment, Gain
from audiotag.augment.batches.levels import silence
from audiotag.errors import AudiotagError
from audiotag.frontend import PRESETS
from audiotag.frontend.array import log_mel

GAINS = np.array([-40.0, -12.0, -3.0, 0.0, 6.0, 20.0], np.float32)


@pytest.mark.parametrize("name", ["efficientat", "yamnet", "panns"])
def test_gain_gives_the_log_mel_of_a_louder_waveform(name: str, waveforms, applied) -> None:
    config = PRESETS[name]
    before, after = (
        np.stack([log_mel(waveform, config) for waveform in sounds])[..., None]
        for sounds in (waveforms, waveforms * 10 ** (GAINS[:, None] / 20))
    )
    changed = applied(Gain(60, config), {"log_mel": before.astype(np.float32)}, {"decibels": GAINS})["log_mel"]
    # Of what lies on a floor that clamps, nothing is known.
    known = (before > silence(config) + 1e-3) | (config.floor == "add")
    np.testing.assert_allclose(changed[known], after[known], atol=2e-3 if config.log == "decibel" else 1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", ["efficientat", "yamnet", "panns", "clamped"])
def test_silence_stays_silent(name: str, dtype: str, applied) -> None:
    config = PRESETS.get(name) or dataclasses.replace(PRESETS["efficientat"], floor="clamp")
    quiet = np.full((6, 3, config.mels, 1), silence(config), dtype).astype(np.float32)
    changed = applied(Gain(60, config), {"log_mel": quiet}, {"decibels": GAINS})["log_mel"]
    # A value rounded to float16 may lie a little above the floor, which a gain of 20 dB then amplifies.
    assert np.abs(changed - silence(config)).max() < {"float32": 1e-4, "float16": 0.1}[dtype]


def test_where_the_floor_clamps_a_quieter_sound_stops_at_it(waveforms, applied) -> None:
    config = PRESETS["librosa"]
    quiet = np.full((1, 2, 128, 1), -99.0, np.float32)
    changed = applied(Gain(60, config), {"log_mel": quiet}, {"decibels": np.array([-20.0], np.float32)})
    np.testing.assert_array_equal(changed["log_mel"], -100.0)


def test_gains_are_uniform(drawn) -> None:
    decibels = drawn(Gain(12.0, seed=1), 20_000, 10, 16)["decibels"]
    assert decibels.min() > -12.001 and decibels.max() < 12.001
    assert abs(decibels.mean()) < 0.2 and abs(decibels.std() - 24 / np.sqrt(12)) < 0.1


def filter_of(kind: str, edges: np.ndarray, gains: np.ndarray, mels: int) -> np.ndarray:
    """Decibels of every mel, as the published code fills them in, a band after the other."""
    decibels = np.zeros(mels)
    for k in range(len(edges) - 1):
        width = edges[k + 1] - edges[k]
        ends = (gains[k], gains[k + 1] if kind == "linear" else gains[k])
        decibels[edges[k] : edges[k + 1]] = np.linspace(*ends, width)
    return decibels


@pytest.mark.parametrize("kind", ["linear", "step"])
def test_filter_augment_amplifies_bands(kind: str, batch, applied, drawn, front_end) -> None:
    layer = FilterAugment(6.0, kind=kind, front_end=front_end, seed=4)
    numbers = drawn(layer, 6, 40, 16)
    filtered = applied(layer, batch, numbers)
    for i in range(6):
        decibels = filter_of(kind, numbers["edges"][i], numbers["decibels"][i], 16)
        mel = np.exp(batch["log_mel"][i, ..., 0] * front_end.scale + front_end.mean) - front_end.log_floor
        power = np.maximum(mel, 0) * 10 ** (decibels / 10)
        expected = (np.log(power + front_end.log_floor) - front_end.mean) / front_end.scale
        np.testing.assert_allclose(filtered["log_mel"][i, ..., 0], expected, atol=2e-4)


@pytest.mark.parametrize(("kind", "fewest", "most", "narrowest"), [("linear", 3, 5, 6), ("step", 2, 4, 4)])
def test_bands_have_the_published_numbers_and_widths(kind, fewest, most, narrowest, drawn) -> None:
    numbers = drawn(FilterAugment(kind=kind, seed=1), 3000, 10, 128)
    edges = numbers["edges"]
    assert edges.shape == (3000, most + 1) and np.abs(numbers["decibels"]).max() <= 6
    assert (edges[:, 0] == 0).all() and (edges[:, -1] == 128).all()
    widths = np.diff(edges, axis=1)
    counts = (widths > 0).sum(axis=1)
    assert set(counts) == set(range(fewest, most + 1))
    assert np.bincount(counts).max() < 0.4 * 3000
    assert widths[widths > 0].min() == narrowest
    assert len(set(edges[:, 1])) > 80


def test_few_mels_have_narrower_bands_and_too_few_are_refused(drawn) -> None:
    edges = drawn(FilterAugment(bands=(4, 4), seed=1), 50, 10, 8)["edges"]
    np.testing.assert_array_equal(edges, np.tile([0, 2, 4, 6, 8], (50, 1)))
    with pytest.raises(AudiotagError, match="up to 5 bands, received 4 mels"):
        drawn(FilterAugment(), 2, 10, 4)
