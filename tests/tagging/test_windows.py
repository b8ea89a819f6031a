"""Windows: true starts, one length, and the same samples from blocks as from the whole file."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotag import audio
from audiotag.tagging import windows
from audiotag.tagging.windows import windows_of


@settings(max_examples=80, deadline=None)
@given(samples=st.integers(1, 400), window=st.integers(1, 120), hop=st.integers(1, 150))
def test_windows_are_the_signal_at_their_starts_in_batches_of_powers_of_two(samples, window, hop):
    signal = np.arange(samples, dtype=np.float32)
    starts = []
    for batch in windows_of(signal, 8000, window=window, hop=hop, pad="none"):
        assert len(batch.starts) in (1, 2, 4, 8, 16)
        for start, end, waveform in zip(batch.starts, batch.ends, batch.waveforms, strict=True):
            assert np.array_equal(waveform, signal[start : start + window])
            assert end == start + len(waveform)
        starts.extend(batch.starts)
    assert starts == audio.windows(samples, window, hop)


@pytest.mark.parametrize(
    ("pad", "expected"), [("repeat", [1, 2, 3, 1, 2]), ("zero", [1, 2, 3, 0, 0]), ("none", [1, 2, 3])]
)
def test_a_short_signal_is_filled_up_but_ends_where_it_ends(pad, expected):
    (batch,) = windows_of(np.array([1, 2, 3], np.float32), 8000, window=5, hop=5, pad=pad)
    assert batch.waveforms.tolist() == [expected]
    assert (batch.starts.tolist(), batch.ends.tolist()) == ([0], [3])


@pytest.mark.parametrize(("seconds", "length"), [(0.5, 16_000), (0.999, 16_000), (1.0, 8000), (1.5, 12_000)])
def test_silence_below_a_second_is_for_what_is_shorter_alone(seconds, length):
    signal = np.ones(round(8000 * seconds), np.float32)
    (batch,) = windows_of(signal, 8000, window=16_000, hop=16_000, pad="zero_under_1s")
    assert batch.waveforms.shape == (1, length)
    assert batch.waveforms.sum() == len(signal)
    assert batch.ends.tolist() == [len(signal)]


@pytest.mark.parametrize(
    ("samples", "pad", "expected"),
    [(10_000, "zero_under_1s", "repeat"), (3000, "zero_under_1s", "zero"), (3000, "none", "repeat")],
)
def test_a_model_of_one_length_is_given_whole_windows(samples, pad, expected):
    signal = np.random.default_rng(1).standard_normal(samples).astype(np.float32)
    (batch,) = windows_of(signal, 8000, window=16_000, hop=16_000, pad=pad, whole=True)
    filled = np.resize(signal, 16_000) if expected == "repeat" else np.pad(signal, (0, 16_000 - samples))
    np.testing.assert_array_equal(batch.waveforms, [filled])
    assert batch.ends == [samples]


@pytest.mark.parametrize(("suffix", "rate"), [(".wav", 8000), (".flac", 11_025), (".ogg", 8000)])
def test_a_file_read_in_blocks_gives_the_windows_of_the_whole_file(tmp_path, monkeypatch, suffix, rate):
    monkeypatch.setattr(windows, "SECONDS_A_BLOCK", 2)
    path = tmp_path / f"long{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, round(9.77 * rate)), rate)
    whole = audio.read(path, 8000)
    starts = []
    for batch in windows_of(path, 8000, window=4000, hop=1500, pad="repeat"):
        assert batch.waveforms.shape[1] == 4000
        for start, waveform in zip(batch.starts, batch.waveforms, strict=True):
            np.testing.assert_allclose(waveform, whole[start : start + 4000], atol=1e-5)
        starts.extend(batch.starts)
    assert starts[:-1] == list(range(0, 1500 * (len(starts) - 1), 1500))
    assert 0 <= len(whole) - (starts[-1] + 4000) <= 1


def test_a_long_file_is_never_held_in_memory_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(300 * 8000), 8000)
    longest = 0
    read = audio.read

    def watched(*arguments, **options):
        nonlocal longest
        waveform = read(*arguments, **options)
        longest = max(longest, len(waveform))
        return waveform

    monkeypatch.setattr(audio, "read", watched)
    batches = list(windows_of(path, 8000, window=80_000, hop=80_000, pad="zero"))
    assert sum(len(batch.starts) for batch in batches) == 30
    assert longest <= 70 * 8000


def test_a_low_rate_takes_no_more_memory_than_a_high_one(tmp_path):
    """Two hours from a file of 1.4 MB."""
    soundfile.write(tmp_path / "slow.wav", np.zeros(7200 * 100), 100)
    blocks = [len(block) for block in audio.stream(tmp_path / "slow.wav", 32_000)]
    assert sum(blocks) == 7200 * 32_000
    assert max(blocks) < 1 << 22
