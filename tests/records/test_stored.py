"""Log-mel stored in 8 bits, or computed from waveforms when it is read, beside float16."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from audiotag import records
from audiotag.errors import AudiotagError
from audiotag.frontend import LogMelConfig, log_mel, preset
from audiotag.frontend.config import PRESETS
from audiotag.frontend.filterbank import mel_filterbank
from audiotag.records import parser, tfrecord
from audiotag.records.stored import StoredLogMel


@pytest.fixture(scope="module")
def stored(build: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], records.Data]:
    """The data set of all tests, stored in another way."""
    folder = tmp_path_factory.mktemp("stored")

    def open_stored(kind: str) -> records.Data:
        build(folder / kind / "tones", sources="clip5=bad", log_mel=kind)
        return records.open(folder / kind / "tones")

    return open_stored


def log_mels(data: records.Data, **options: object) -> np.ndarray:
    """(batch, 20, 16), of the first batch."""
    return next(iter(data.read("all", **{"batch_size": 69} | options)))[0][..., 0].numpy()


def features_of(data: records.Data) -> list[dict]:
    return [
        tf.train.Example.FromString(record.data).features.feature
        for split in data.splits
        for shard in data.shards(split)
        for record in tfrecord.walk(shard)
    ]


def signals(config: LogMelConfig) -> dict[str, np.ndarray]:
    """Waveforms at full scale, as loud as they can be: squares and sines at the middle of bands, noise, a step."""
    time = np.arange(8 * config.fft) / config.sample_rate
    peaks = mel_filterbank(config).argmax(axis=0)[:: config.mels // 8] * config.sample_rate / config.fft
    sines = {f"{hertz:.0f} Hz": np.sin(2 * np.pi * hertz * time) for hertz in peaks}
    squares = {f"square {name}": np.where(sine >= 0, 1.0, -1.0) for name, sine in sines.items()}
    noise = np.random.default_rng(0).choice([-1.0, 1.0], len(time))
    return (
        sines | squares | {"noise": noise, "step": np.where(time < time.mean(), -1.0, 1.0), "ones": np.ones(len(time))}
    )


@pytest.mark.parametrize("name", PRESETS)
def test_the_range_of_8_bits_begins_at_silence_and_holds_all_that_is_within_full_scale(name: str) -> None:
    config = preset(name)
    stored = StoredLogMel.of("uint8", config)
    silence = log_mel(np.zeros(8 * config.fft, np.float32), config)
    loudest = max(log_mel(signal.astype(np.float32), config).max() for signal in signals(config).values())
    np.testing.assert_allclose(silence, stored.low, atol=1e-3)
    assert loudest <= stored.high
    assert stored.high - loudest < 0.25 * (stored.high - stored.low)


def test_8_bits_are_half_of_the_bytes_and_within_half_a_step(built: Path, stored: Callable) -> None:
    data, whole = stored("uint8"), records.open(built)
    step = (data.stored.high - data.stored.low) / 255
    np.testing.assert_allclose(log_mels(data), log_mels(whole), atol=0.55 * step)
    assert {len(feature["log_mel"].bytes_list.value[0]) for feature in features_of(data)} == {20 * 16}
    assert not records.verify(data.path)
    assert data.fingerprint != whole.fingerprint
    np.testing.assert_array_equal(
        next(data.batches("fold1", batch_size=4))["log_mel"],
        next(iter(data.read("fold1", batch_size=4, variants=0)))[0],
    )


def test_what_is_louder_than_full_scale_is_stored_as_the_loudest() -> None:
    stored = StoredLogMel("uint8", -1.0, 2.0)
    np.testing.assert_array_equal(stored.encode(np.array([[-7.0, -1.0, 2.0, 9.0]])), [[0, 0, 255, 255]])
    with pytest.raises(ValueError, match="finite"):
        stored.encode(np.array([[np.nan]]))


def test_without_a_log_mel_it_is_that_of_the_kept_waveform(built: Path, stored: Callable) -> None:
    data = stored("waveform")
    assert all("log_mel" not in feature for feature in features_of(data))
    assert not records.verify(data.path)
    batch = next(data.batches(batch_size=69, variants=None, waveforms=True))
    expected = np.stack([log_mel(waveform, data.front_end) for waveform in batch["waveform"]])
    np.testing.assert_array_equal(batch["log_mel"][..., 0], expected)
    np.testing.assert_array_equal(log_mels(data), expected)
    np.testing.assert_allclose(log_mels(data), log_mels(records.open(built)), atol=0.05)


def test_jitter_moves_the_edges_of_the_bands_from_batch_to_batch(
    stored: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, moved = stored("waveform"), []

    def noting(waveform: np.ndarray, config: LogMelConfig) -> np.ndarray:
        moved.append(config)
        return log_mel(waveform, config)

    monkeypatch.setattr(parser, "log_mel", noting)
    waveforms = tf.constant(np.random.default_rng(0).normal(scale=0.1, size=(2, data.samples)), tf.float32)
    seeds = [tf.constant([seed, 7], tf.int64) for seed in range(60)]
    computed = [parser.log_mel_of(waveforms, data.clip_format, seed).numpy() for seed in seeds]
    assert all(config == other for config, other in zip(moved[::2], moved[1::2], strict=True))  # one a batch
    for config, log_mels in zip(moved[::2], computed, strict=True):
        np.testing.assert_array_equal(log_mels[..., 0], [log_mel(waveform, config) for waveform in waveforms.numpy()])
        assert config == replace(data.front_end, fmin=config.fmin, fmax=config.fmax)
    assert {config.fmin - data.front_end.fmin for config in moved} == set(range(10))
    shares = np.array([config.fmax / data.front_end.fmax for config in moved])
    assert 14 / 15 <= shares.min() < 0.95
    assert min(1.05, 4000 / data.front_end.fmax) <= shares.max() <= 16 / 15


def test_jitter_is_the_same_in_every_run_and_another_in_every_epoch(stored: Callable) -> None:
    data, options = stored("waveform"), {"batch_size": 23, "jitter": True, "seed": 5}
    first, again, other = (log_mels(data, **options, first_epoch=epoch) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_jitter_without_waveforms_and_unknown_kinds_are_refused(built: Path, build: Callable, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="keeps no waveforms: build it with --log-mel waveform"):
        records.open(built).read("all", jitter=True)
    with pytest.raises(AudiotagError, match="log-mel is not stored as 'uint16'"):
        build(tmp_path / "out", log_mel="uint16")
    with pytest.raises(AudiotagError, match=r"log mel \(float16 / uint8\)"):
        build(built, sources="clip5=bad", log_mel="uint8")
