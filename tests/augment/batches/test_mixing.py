"""Mixup and Freq-MixStyle: what is drawn, and what is made of it, against loops over examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audiotag.augment.batches import FreqMixStyle, Mixup
from audiotag.records import targets


def test_mixup_mixes_log_mel_labels_and_teacher_alike(batch, applied) -> None:
    partner = np.array([3, 2, 5, 0, 4, 1])
    share = np.array([0.0, 0.5, 0.25, 0.1, 0.4, 0.3], np.float32)
    mixed = applied(Mixup(0.3), batch, {"partner": partner, "share": share})
    assert mixed.keys() == batch.keys()
    for name, values in batch.items():
        for i in range(len(values)):
            expected = (1 - share[i]) * values[i] + share[i] * values[partner[i]]
            if name == "label":
                for k in range(len(expected)):
                    if np.isnan(values[partner[i], k]):
                        expected[k] = values[i, k]
            np.testing.assert_allclose(mixed[name][i], expected, atol=1e-6)


def test_mixup_is_that_of_the_input_pipeline(batch, applied) -> None:
    numbers = {"partner": np.array([3, 1, 5, 0, 4, 2]), "share": np.linspace(0, 0.5, 6, dtype=np.float32)}
    mixed = applied(Mixup(), batch, numbers)
    for name, mix in (("log_mel", targets.mix), ("label", targets.mix_targets)):
        np.testing.assert_allclose(mixed[name], mix(batch[name], tuple(numbers.values())), atol=1e-6)


def test_what_nobody_judged_stays_so(batch, applied) -> None:
    partner, share = np.array([1, 0, 2, 3, 5, 4]), np.full(6, 0.4, np.float32)
    label = applied(Mixup(), batch, {"partner": partner, "share": share})["label"]
    np.testing.assert_array_equal(np.isnan(label), np.isnan(batch["label"]))
    assert label[0, 0] == batch["label"][0, 0]


@pytest.mark.parametrize("alpha", [0.3, 2.0])
def test_mixup_draws_permutations_and_the_smaller_part_of_a_beta_distribution(alpha: float, drawn) -> None:
    numbers = drawn(Mixup(alpha, seed=1), 20_000, 10, 16)
    assert sorted(numbers["partner"]) == list(range(20_000))
    assert abs(np.corrcoef(numbers["partner"], np.arange(20_000))[0, 1]) < 0.03
    levels = np.linspace(0.01, 0.5, 30)
    expected = 2 * stats.beta.cdf(levels, alpha, alpha)
    received = (numbers["share"][:, None] <= levels).mean(axis=0)
    np.testing.assert_allclose(received, expected, atol=0.015)


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 1e3])
def test_any_alpha_gives_shares(alpha: float, drawn) -> None:
    share = drawn(Mixup(alpha, seed=1), 500, 10, 16)["share"]
    assert np.isfinite(share).all() and share.min() >= 0 and share.max() <= 0.5


def test_one_example_is_mixed_with_itself(batch) -> None:
    single = {name: values[:1] for name, values in batch.items()}
    mixed = Mixup(seed=1)(single, training=True)
    for name, values in single.items():
        np.testing.assert_allclose(mixed[name], values, atol=1e-6)


def style(spectrogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of every band, as PyTorch's `var` has it, over channel and time."""
    frames, mels, _ = spectrogram.shape
    mean, deviation = np.zeros(mels), np.zeros(mels)
    for mel in range(mels):
        mean[mel] = sum(spectrogram[:, mel, 0]) / frames
        deviation[mel] = np.sqrt(sum((spectrogram[:, mel, 0] - mean[mel]) ** 2) / (frames - 1) + 1e-6)
    return mean, deviation


def test_freq_mix_style_mixes_the_statistics_of_every_band(batch, applied) -> None:
    partner = np.array([1, 2, 3, 4, 5, 0])
    weight = np.array([0.0, 1.0, 0.5, 0.3, 0.9, 0.2], np.float32)
    numbers = {"mixed": np.array(True), "partner": partner, "weight": weight}
    mixed = applied(FreqMixStyle(), batch, numbers)
    for i in range(6):
        (mean, deviation), (other_mean, other_deviation) = (style(batch["log_mel"][k]) for k in (i, partner[i]))
        new_mean = weight[i] * mean + (1 - weight[i]) * other_mean
        new_deviation = weight[i] * deviation + (1 - weight[i]) * other_deviation
        expected = (batch["log_mel"][i, ..., 0] - mean) / deviation * new_deviation + new_mean
        np.testing.assert_allclose(mixed["log_mel"][i, ..., 0], expected, atol=2e-5)
    for name in ("label", "distillation", "frames"):
        np.testing.assert_array_equal(mixed[name], batch[name])
    left = applied(FreqMixStyle(), batch, numbers | {"mixed": np.array(False)})["log_mel"]
    np.testing.assert_array_equal(left, batch["log_mel"])


def test_freq_mix_style_takes_whole_batches_as_often_as_asked(drawn) -> None:
    layer = FreqMixStyle(probability=0.4, alpha=0.4, seed=3)
    numbers = [drawn(layer, 100, 10, 16) for _ in range(150)]
    assert 0.3 < np.mean([batch["mixed"] for batch in numbers]) < 0.5
    weights = np.concatenate([batch["weight"] for batch in numbers])
    assert abs(weights.mean() - 0.5) < 0.02
    assert abs(weights.var() - stats.beta.var(0.4, 0.4)) < 0.01


def test_a_single_frame_has_no_deviation_to_mix(batch, applied) -> None:
    short = {"log_mel": batch["log_mel"][:, :1]}
    numbers = {"mixed": np.array(True), "partner": np.arange(6), "weight": np.full(6, 0.5, np.float32)}
    np.testing.assert_allclose(applied(FreqMixStyle(), short, numbers)["log_mel"], short["log_mel"], atol=1e-5)
