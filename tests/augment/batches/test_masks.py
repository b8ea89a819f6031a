"""Masks of bands and frames, and erased bands, against loops over examples."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.augment.batches import EraseBands, FrequencyMask, TimeMask
from audiotag.errors import AudiotagError

FIRST = np.array([[0, 3], [15, 0], [2, 2], [5, 9], [0, 0], [4, 6]], np.int32)
WIDTH = np.array([[4, 0], [1, 16], [3, 5], [0, 0], [16, 1], [3, 3]], np.int32)


@pytest.mark.parametrize(("cls", "axis"), [(TimeMask, 0), (FrequencyMask, 1)])
def test_what_a_mask_covers_is_the_mean_of_the_example(cls, axis: int, batch, applied) -> None:
    masked = applied(cls(16, masks=2), batch, {"first": FIRST, "width": WIDTH})
    for i in range(6):
        expected = batch["log_mel"][i, ..., 0].copy()
        mean = expected.astype(np.float64).mean()
        for first, width in zip(FIRST[i], WIDTH[i], strict=True):
            expected.swapaxes(0, axis)[first : first + width] = mean
        np.testing.assert_allclose(masked["log_mel"][i, ..., 0], expected, atol=1e-5)
    for name in ("label", "distillation", "frames"):
        np.testing.assert_array_equal(masked[name], batch[name])


@pytest.mark.parametrize(("cls", "length"), [(TimeMask, 40), (FrequencyMask, 16)])
def test_masks_are_of_every_length_and_anywhere_inside(cls, length: int, drawn) -> None:
    longest = 10
    numbers = drawn(cls(longest, masks=3, seed=1), 4000, 40, 16)
    first, width = numbers["first"].ravel(), numbers["width"].ravel()
    assert first.shape == (12_000,)
    assert set(width) == set(range(longest + 1))
    assert np.bincount(width).std() < 0.05 * 12_000 / longest
    assert first.min() == 0 and (first + width).max() == length
    for each in range(longest + 1):
        assert set(first[width == each]) == set(range(length - each + 1))


def test_a_mask_as_long_as_the_log_mel_leaves_its_mean(batch, applied) -> None:
    masked = applied(FrequencyMask(16), batch, {"first": FIRST[:, :1] * 0, "width": WIDTH[:, :1] * 0 + 16})
    np.testing.assert_allclose(masked["log_mel"].std(axis=(1, 2, 3)), 0, atol=1e-6)


def test_a_mask_that_may_be_longer_than_the_log_mel_is_refused(batch) -> None:
    for layer, reason in ((FrequencyMask(17), "16 bands, received 17"), (TimeMask(41), "40 frames, received 41")):
        assert layer(batch) is not None
        with pytest.raises(AudiotagError, match=f"^a mask is at most as long as the log-mel, {reason}"):
            layer(batch, training=True)


def test_erased_bands_are_silent(batch, applied, front_end, drawn) -> None:
    erased = np.random.default_rng(0).random((6, 16)) < 0.5
    changed = applied(EraseBands(0.5, front_end), batch, {"erased": erased})["log_mel"]
    silence = (np.log(front_end.log_floor) - front_end.mean) / front_end.scale
    for i in range(6):
        for mel in range(16):
            expected = np.full(40, silence) if erased[i, mel] else batch["log_mel"][i, :, mel, 0]
            np.testing.assert_allclose(changed[i, :, mel, 0], expected, atol=1e-6)
    assert abs(drawn(EraseBands(0.1, seed=1), 2000, 10, 16)["erased"].mean() - 0.1) < 0.01
