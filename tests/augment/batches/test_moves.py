"""Rolling in time and shifting in frequency, against NumPy, and targets that go along."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag.augment.batches import FrequencyShift, Roll
from audiotag.errors import AudiotagError

SHIFTS = np.array([0, 1, -1, 7, -16, 100], np.int32)


def test_log_mel_and_targets_of_frames_roll_together(batch, applied) -> None:
    rolled = applied(Roll(100), batch, {"shift": SHIFTS})
    for name in ("log_mel", "frames"):
        expected = np.stack([np.roll(values, shift, axis=0) for values, shift in zip(batch[name], SHIFTS, strict=True)])
        np.testing.assert_array_equal(rolled[name], expected)
    for name in ("label", "distillation"):
        np.testing.assert_array_equal(rolled[name], batch[name])


@pytest.mark.parametrize(("distance", "steps"), [(4, 10), (7, 6), (3, 13)])
def test_targets_of_longer_steps_roll_by_the_same_time(batch, applied, distance: int, steps: int) -> None:
    frames = batch["log_mel"].shape[1]
    targets = np.random.default_rng(3).random((6, steps, 2, 3), np.float32)
    given = {"log_mel": batch["log_mel"], "steps": targets}
    rolled = applied(Roll(100, distance), given, {"shift": SHIFTS})["steps"]
    # A curve over the circle of the clip's frames, known at the steps.
    places = np.arange(steps) * distance
    for values, ours, shift in zip(targets.reshape(6, steps, 6), rolled.reshape(6, steps, 6), SHIFTS, strict=True):
        for index in range(6):
            expected = np.interp((places - shift) % frames, [*places, frames], [*values[:, index], values[0, index]])
            np.testing.assert_allclose(ours[:, index], expected, atol=1e-5)


def test_steps_that_nobody_judged_stay_so(batch, applied) -> None:
    steps = np.zeros((6, 10, 3), np.float32)
    steps[:, :, 1] = np.nan
    rolled = applied(Roll(100, 4), {"log_mel": batch["log_mel"], "steps": steps}, {"shift": SHIFTS})["steps"]
    np.testing.assert_array_equal(rolled, steps)


def test_targets_of_steps_that_lie_elsewhere_are_refused(batch) -> None:
    with pytest.raises(AudiotagError, match=r"'frames' has 10 steps of 1 frames, the log-mel 40 frames"):
        Roll(3)(batch | {"frames": batch["frames"][:, ::4]}, training=True)
    with pytest.raises(AudiotagError, match=r"'frames' has 40 steps of 4 frames"):
        Roll(3, 4)(batch, training=True)


def test_bands_are_shifted_and_silence_comes_in(batch, applied, front_end) -> None:
    shifted = applied(FrequencyShift(100, front_end), batch, {"shift": SHIFTS})
    silence = (np.log(front_end.log_floor) - front_end.mean) / front_end.scale
    for i, shift in enumerate(SHIFTS):
        for mel in range(16):
            source = mel - shift
            expected = batch["log_mel"][i, :, source, 0] if 0 <= source < 16 else np.full(40, silence)
            np.testing.assert_allclose(shifted["log_mel"][i, :, mel, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(shifted["frames"], batch["frames"])


@pytest.mark.parametrize("cls", [Roll, FrequencyShift])
def test_shifts_are_uniform_in_both_directions(cls, drawn) -> None:
    shift = drawn(cls(5, seed=1), 11_000, 10, 16)["shift"]
    counts = np.bincount(shift + 5, minlength=11)
    assert counts.shape == (11,) and counts.min() > 850 and counts.max() < 1150
